import { addsNothingTo, contentReached, type Ranked, relateTo } from "./lineage.js";
import type { Observed } from "./observed.js";
import type { Step } from "./step.js";

/** The configuration in if it is greater than what runs, and ProxySQL up. */
export function bringUp(now: Observed, best: Ranked | null): Step[] {
  const { proxysql } = now;
  const place = whatToPlace(now, best);
  if (proxysql.running) {
    if (place?.kind === "put-back") return [{ kind: "halt" }, place, { kind: "start" }];
    return place && proxysql.admin ? [{ ...place, kind: "apply" }] : [];
  }
  if (proxysql.starting) return [];
  return [...haltFirst(now), ...(place ? [place] : []), { kind: "start" }];
}

/** The same for a ProxySQL that is sick: whatever is left of it goes first. */
export function bringUpAnew(now: Observed, best: Ranked | null): Step[] {
  const place = whatToPlace(now, best);
  return [{ kind: "halt" }, ...(place ? [place] : []), { kind: "start" }];
}

type Place = Extract<Step, { kind: "install" | "put-back" }>;

function whatToPlace(now: Observed, best: Ranked | null): Place | undefined {
  const { running } = now;
  if (now.care.cannotPlace) return undefined;
  const relation = best === null ? "older" : relateTo(best, running);
  const newer = best !== null && (relation === "newer" || relation === "newer-without-ours");
  const ranked = newer ? best : now.drifted ? running : null;
  if (ranked === null) return now.canPutBack ? { kind: "put-back" } : undefined;
  const lost =
    relation === "newer-without-ours" && best !== null && running !== null && isLost(running, best);
  return { kind: "install", ranked, reportLoss: lost };
}

/** A node that led for a moment and changed nothing (both were MASTER) has nothing that could be missed. */
function isLost(ours: Ranked, live: Ranked): boolean {
  return !contentReached(live, ours) && !addsNothingTo(ours, live);
}

/**
 * A supervisor may start it again at any moment, with files that are being replaced; or it waits before it does so, and a
 * start asked for in between starts nothing.
 */
function haltFirst(now: Observed): Step[] {
  const failed = now.givenUp || now.canPutBack || (now.trial !== null && now.trial.failures > 0);
  return failed ? [{ kind: "halt" }] : [];
}

/** A stopped ProxySQL gets each snapshot into its place at once, so that a promotion has only to start it. */
export function prepare(now: Observed): Step[] {
  if (now.proxysql.running || now.proxysql.starting) return [];
  return bringUp(now, now.best).filter(({ kind }) => kind === "install" || kind === "put-back");
}

export function stop(now: Observed): Step[] {
  if (!now.proxysql.running) return [];
  const { admin, paused } = now.proxysql;
  const pause: Step[] = admin && !paused ? [{ kind: "pause" }] : [];
  const drain: Step[] = admin ? [{ kind: "drain" }] : [];
  return [...pause, ...drain, { kind: "stop" }];
}

export function resume(now: Observed): Step[] {
  return now.proxysql.paused ? [{ kind: "resume" }] : [];
}

/** Only at a promotion: later on, what an operator has in memory but did not load is his own affair. */
export function runScheduler(now: Observed): Step[] {
  const { scheduler } = now.proxysql;
  return scheduler !== null && scheduler.runtime === 0 && scheduler.disk > 0
    ? [{ kind: "run-scheduler" }]
    : [];
}

/** Jobs run on the active node alone. ProxySQL loads them by itself at every start. */
export function hushScheduler(now: Observed): Step[] {
  const { scheduler } = now.proxysql;
  return scheduler === null || scheduler.runtime === 0 ? [] : [{ kind: "hush-scheduler" }];
}
