import type { Observed } from "./observed.js";
import type { Step } from "./step.js";
import { isPeerReady } from "./tend.js";

/** The lock in etcd or Consul, as this node may believe it to be by its own clock. */
export interface Lock {
  readonly held: boolean;
  /** It was asked for since the role came, and not given back: it is tried for again and again. */
  readonly wanted: boolean;
}

/**
 * What the lock asks for before anything else. undefined: nothing. A MASTER without it puts its ProxySQL out of service
 * and gives the address away.
 *
 * Stopped, not paused: PAUSE closes the client port and leaves the sessions that are there, with new statements of theirs
 * (facts of ProxySQL's threads, seen with 2.7.1), and to take the servers offline leaves transactions. What ends every
 * session within milliseconds is ProxySQL's own end. The address first: that takes no time, and whether the stop comes
 * in time does not hang on the plan (see agent/lock-steps.ts).
 *
 * `mayAct` is false in maintenance and while a switchover has ProxySQL in its hands: then nothing is begun.
 */
export function lockSteps(now: Observed, mayAct: boolean): Step[] | undefined {
  const { lock, role, care } = now;
  if (lock === null) return undefined;
  if (role !== "MASTER") return lock.wanted ? [{ kind: "release-lock" }] : undefined;
  if (lock.held) return undefined;
  if (!mayAct) return lock.wanted && !now.switching ? [{ kind: "release-lock" }] : undefined;
  if (!lock.wanted) return [{ kind: "acquire-lock" }];
  const demote: Step[] = care.shareSettled && care.share === null ? [{ kind: "demote", why: "no-lock" }] : [];
  const settle: Step[] = care.shareSettled ? [] : [{ kind: "settle-share" }];
  const stop: Step[] = now.proxysql.running ? [{ kind: "stop" }] : [];
  const steps = [...settle, ...demote, ...stop];
  if (steps.length > 0) return steps;
  return care.yieldDue && isPeerReady(now) ? [{ kind: "yield" }] : [];
}
