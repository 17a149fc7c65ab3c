import { serverName } from "../fence/server.js";
import type { FenceFacts } from "../health/facts.js";
import type { AgentContext } from "./context.js";

/** What health finds reasons from; null without [orchestrator]. */
export async function fenceFacts({
  fencing,
  config,
}: Pick<AgentContext, "fencing" | "config">): Promise<FenceFacts | null> {
  if (fencing === null || !config.orchestrator) return null;
  const { latch, look, silentForMs, problem } = fencing.state;
  const suggestions = await fencing.suggestions();
  return {
    fences: latch.fences.map(({ server, cause, since }) => ({
      server: serverName(server),
      kind: cause.kind,
      detail: cause.detail,
      successor: cause.successor && serverName(cause.successor),
      since,
    })),
    unknown: fencing.state.unknown.map((server) => ({
      server: serverName(server),
      maybe: suggestions.get(serverName(server)) ?? null,
    })),
    problem,
    silence:
      look?.kind === "none"
        ? { why: look.why, forMs: silentForMs, graceMs: config.orchestrator.isolation_grace }
        : null,
    isolation: fencing.isolation,
  };
}
