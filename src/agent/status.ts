import type { PeerLink } from "../peer/link.js";
import { wallClock } from "../platform/clock.js";
import { compareLineage, formatLineage, type Lineage } from "../role/lineage.js";
import { type PeerReport, readReport } from "../ship/peer-report.js";
import type { AgentContext } from "./context.js";
import type { Observer } from "./observer.js";
import type { Reconciler } from "./reconciler.js";
import { version } from "./version.js";

/** A snapshot event as the status page tells it. `ageMs` counts from the event, by this node's clock. */
export interface Dated {
  readonly snapshot: string;
  readonly at: string;
  readonly ageMs: number;
}

export interface LineageText extends Lineage {
  /** `6.12@a` */
  readonly text: string;
}

export interface PeerStatusView {
  readonly name: string;
  readonly link: string;
  readonly error: string | null;
  readonly lastShipped: Dated | null;
  readonly pending: string | null;
  readonly best: LineageText | null;
  /** What the peer's agent says of itself; null if only its sshd answers, or nobody. */
  readonly report: PeerReport | null;
  readonly viewAgeMs: number | null;
}

/** The document of `status --json`. Described in docs/json.md; fields are only ever added. */
export interface StatusDocument {
  readonly schema: "proxysql-carp/status/v1";
  readonly at: string;
  readonly version: string;
  readonly node: string;
  readonly role: string;
  readonly vhids: readonly { readonly vhid: string; readonly role: string }[];
  readonly standby: string;
  /** The epoch this node leads, or null. */
  readonly leads: number | null;
  readonly running: LineageText | null;
  readonly proxysql: {
    readonly up: boolean;
    readonly admin: boolean;
    readonly serving: boolean;
    readonly paused: boolean;
    readonly version: string | null;
  };
  readonly lastTaken: Dated | null;
  readonly lastReceived: Dated | null;
  readonly lastInstalled: Dated | null;
  readonly peers: readonly PeerStatusView[];
  /** What is wrong now, in sentences; empty when nothing is. */
  readonly problems: readonly string[];
}

/** What this node says of itself, from the last look at everything; asks nobody, so it answers at once. */
export function statusOf(node: AgentContext, observer: Observer, reconciler: Reconciler): StatusDocument {
  const { config, state, journal, links, board, shipper } = node;
  const { proxysql, carp } = observer;
  const views = new Map(board.views().map((view) => [view.name, view]));
  const peers = [...links].map(([name, link]): PeerStatusView => {
    const told = board.describe(name);
    const best = views.get(name)?.best ?? null;
    return {
      name,
      link: link.view.state,
      error: linkError(link) ?? told.error ?? shipper.shipmentTo(name)?.error ?? null,
      lastShipped: dated(journal.lastSnapshot("shipped", name)),
      pending: shipper.shipmentTo(name)?.pending ?? null,
      best: best === null ? null : withText(best.lineage),
      report: readReport(told.status?.report),
      viewAgeMs: told.ageMs,
    };
  });
  return {
    schema: "proxysql-carp/status/v1",
    at: new Date(wallClock()).toISOString(),
    version,
    node: config.node.name,
    role: carp.role,
    vhids: carp.vhids,
    standby: config.carp.standby,
    leads: state.leads,
    running: state.running === null ? null : withText(state.running.lineage),
    proxysql: {
      up: proxysql?.running ?? false,
      admin: proxysql?.admin ?? false,
      serving: proxysql?.serving ?? false,
      paused: proxysql?.paused ?? false,
      version: proxysql?.version ?? null,
    },
    lastTaken: dated(journal.lastSnapshot("taken")),
    lastReceived: dated(journal.lastSnapshot("received")),
    lastInstalled: dated(journal.lastSnapshot("installed")),
    peers,
    problems: problemsOf(node, observer, reconciler, peers),
  };
}

function problemsOf(
  { config, state, shipper }: AgentContext,
  observer: Observer,
  reconciler: Reconciler,
  peers: readonly PeerStatusView[],
): string[] {
  const problems: string[] = [];
  if (observer.carpProblem !== undefined) problems.push(observer.carpProblem);
  const expected = config.carp.standby === "warm" || observer.carp.holdsAddress;
  if (expected) problems.push(...(observer.proxysql?.problems ?? []));
  if (!expected && observer.proxysql?.running)
    problems.push("ProxySQL runs although this cold standby should have it stopped.");
  if (reconciler.lastError !== undefined) problems.push(reconciler.lastError);
  if (shipper.takeError !== undefined) problems.push(`No snapshot could be taken: ${shipper.takeError}`);
  for (const { name, link, error, best, pending } of peers) {
    if (pending === null && isBehind(state, best))
      problems.push(`Peer ${name} holds ${best?.text ?? "nothing"}, not what runs here.`);
    if (link !== "up" || error !== null) problems.push(`Peer ${name}: ${error ?? `the link is ${link}.`}`);
  }
  return [...new Set(problems)];
}

/** True if this node leads with something that a peer, by its last answer, does not hold. */
function isBehind({ leads, running }: AgentContext["state"], best: Lineage | null): boolean {
  if (leads === null || running === null || running.lineage.sequence === 0) return false;
  return best === null || compareLineage(best, running.lineage) < 0;
}

/** Why the link is not up. What went wrong before it came up again is history. */
function linkError({ view }: PeerLink): string | undefined {
  return view.state === "up" ? undefined : view.lastError?.message;
}

function dated(record: { at: string; snapshot: string } | undefined): Dated | null {
  return record === undefined ? null : { ...record, ageMs: wallClock() - Date.parse(record.at) };
}

function withText(lineage: Lineage): LineageText {
  return { ...lineage, text: formatLineage(lineage) };
}
