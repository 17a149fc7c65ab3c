import { type FenceDocument, fenceDocument } from "../fence/document.js";
import { isIdle } from "../fence/latch.js";
import { serverName } from "../fence/server.js";
import type { FenceFacts } from "../health/facts.js";
import { wallClock } from "../platform/clock.js";
import type { AgentContext } from "./context.js";

/** What health finds reasons from; null without [orchestrator], unless something is held from when there was one. */
export function fenceFacts(
  { fencing, config }: Pick<AgentContext, "fencing" | "config">,
  isActive: boolean,
): FenceFacts | null {
  if (fencing === null || (!config.orchestrator && isIdle(fencing.state.latch))) return null;
  const { latch, look, silentForMs, problem, unknown } = fencing.state;
  const { suggestions } = fencing;
  // A cold node's ProxySQL does not run while it is passive: what it would not use is told when it is active.
  const isUsed = isActive || config.carp.standby === "warm";
  return {
    fences: (isUsed ? latch.fences : []).map(({ server, cause, since }) => ({
      server: serverName(server),
      kind: cause.kind,
      detail: cause.detail,
      successor: cause.successor && serverName(cause.successor),
      since,
    })),
    unknown: unknown.map((server) => ({
      server: serverName(server),
      maybe: suggestions.get(serverName(server)) ?? null,
    })),
    problem,
    silence:
      look?.kind === "none"
        ? { why: look.why, forMs: silentForMs, graceMs: config.orchestrator?.isolation_grace ?? null }
        : null,
    isolation: fencing.isolation,
  };
}

/** The document of `fence status`. */
export function fenceDocumentOf({
  fencing,
  config,
}: Pick<AgentContext, "fencing" | "config">): FenceDocument {
  return fenceDocument({
    at: new Date(wallClock()).toISOString(),
    node: config.node.name,
    mode: config.fence.mode,
    state: fencing?.state ?? null,
    isolation: fencing?.isolation ?? null,
  });
}
