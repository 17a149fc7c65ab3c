import { bringUp, resume } from "./bring-up.js";
import { compareLineage, type Ranked } from "./lineage.js";
import type { Observed } from "./observed.js";
import type { Step } from "./step.js";
import { isSick, rejectFailed, tend } from "./tend.js";

/**
 * What is left to do of a restore, whatever was cut off: put it in place, prove it, open an epoch `above` all that are
 * known, in which it wins; or, where it failed, put back what was there. Until it is ended no snapshot is taken, so that
 * none holds a mixture. Pure. undefined: what the role asks for comes first.
 */
export function restoreSteps(now: Observed, above: number): Step[] | undefined {
  const { restoring } = now;
  if (restoring === null) return undefined;
  if (now.leads === null) return [{ kind: "end-restore" }];
  if (now.role !== "MASTER") return undefined;
  if (now.leads > restoring.ranked.lineage.epoch) return [{ kind: "end-restore" }];
  const rejected = rejectFailed(now);
  if (rejected.length > 0) return rejected;
  if (restoring.failed) return goBack(now);
  return isInPlace(now, restoring.ranked) ? finish(now, above) : place(now, restoring.ranked);
}

function isInPlace({ running }: Observed, { lineage }: Ranked): boolean {
  if (running === null) return false;
  return compareLineage(running.lineage, lineage) === 0 && running.lineage.node === lineage.node;
}

function place(now: Observed, ranked: Ranked): Step[] {
  if (now.care.cannotPlace)
    return now.trial === null ? [{ kind: "end-restore" }] : [{ kind: "reject", ranked }];
  return isSick(now) ? tend(now, ranked) : [...resume(now), ...bringUp(now, ranked), { kind: "prove" }];
}

/** The jobs too: an apply saves them and leaves the running ones, for on a passive node none may run. */
function finish(now: Observed, above: number): Step[] {
  if (isSick(now)) return tend(now, null);
  if (now.trial !== null || !now.proxysql.admin) return [{ kind: "prove" }];
  return [...resume(now), { kind: "run-scheduler" }, { kind: "open-epoch", above }];
}

/** Of a ProxySQL that does not answer it cannot be seen what it holds: then it is put there in any case. */
function goBack(now: Observed): Step[] {
  if (isSick(now)) return tend({ ...now, drifted: true }, null);
  if (!now.drifted) return [{ kind: "end-restore" }];
  const back = bringUp(now, null);
  return back.length === 0 ? [] : [...back, { kind: "prove" }];
}
