import { serverName } from "../fence/server.js";
import type { AgentContext } from "./context.js";
import { fencedNames } from "./fence-names.js";
import type { Observer } from "./observer.js";
import type { HealthWatch } from "./watch-health.js";

/** What peers may learn of this node: how it stands, by codes and digests, nothing of what it holds. See docs/json.md. */
export function reportOf(
  {
    state,
    config,
    care,
    maintenance,
    switchover,
    fencing,
  }: Pick<AgentContext, "state" | "config" | "care" | "maintenance" | "switchover" | "fencing">,
  { carp, proxysql }: Pick<Observer, "carp" | "proxysql">,
  { fitness, reasons, digests }: Pick<HealthWatch, "fitness" | "reasons" | "digests">,
): Record<string, unknown> {
  const { preempt, total, share, shareWhy } = care.view();
  return {
    role: carp.role,
    vhids: carp.vhids.map(({ vhid, role, advskew = null, advbase = null }) => ({
      vhid,
      role,
      advskew,
      advbase,
    })),
    standby: config.carp.standby,
    leads: state.leads,
    running: state.running?.lineage ?? null,
    proxysql: {
      up: proxysql?.running ?? false,
      serving: proxysql?.serving ?? false,
      version: proxysql?.version ?? null,
    },
    // Left out before it is known: a peer then waits, and does not take it for a no.
    ...(fitness.fit === null ? {} : { ready: fitness.fit }),
    reasons: [...new Set(reasons.map(({ code }) => code))],
    maintenance: maintenance.view() !== null,
    preempt,
    demotion: { total, share, why: shareWhy },
    switchover: switchover.current && { id: switchover.current.id, to: switchover.current.to },
    fences: fencing === null ? [] : fencedNames(fencing.state).slice(0, 1_024),
    pardoned: fencing === null ? [] : fencing.state.latch.pardoned.map(serverName).slice(0, 1_024),
    seesQuorum: fencing?.state.look === undefined ? null : fencing.state.look.kind === "view",
    definitions: digests.definitions,
    tls: digests.tls,
  };
}
