import { wallClock } from "../platform/clock.js";
import type { AgentContext } from "./context.js";
import type { Drills } from "./drills.js";

/** How long after a drill that failed another is worth its cost. */
const againMs = 300_000;

/**
 * True if what made this node give the address away is mended. In warm standby ProxySQL runs and can be looked at; in
 * cold standby it is stopped, and only a drill since then can tell.
 */
export function hasRecovered({ config, demotion }: AgentContext, drills: Drills): boolean {
  if (config.carp.standby === "warm") return true;
  const { last } = drills;
  return last?.ok === true && Date.parse(last.at) >= (demotion.since ?? 0);
}

/** In cold standby, with the address given away: tries a restore now and then, so that the node finds its way back. */
export async function tryToRecover(node: AgentContext, drills: Drills): Promise<void> {
  const { config, demotion, maintenance } = node;
  if (demotion.why !== "given-away" || hasRecovered(node, drills)) return;
  if (maintenance.view() !== null || !drills.isIdle) return;
  // Also one that could not be judged counts: what kept it from being so is not gone in a moment.
  const last = drills.attemptedAt ?? 0;
  const since = demotion.since ?? 0;
  const due = last < since ? since + config.carp.hold : last + againMs;
  if (wallClock() >= due) await drills.run();
}
