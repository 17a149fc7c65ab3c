import { bringUpAnew } from "./bring-up.js";
import type { Ranked } from "./lineage.js";
import type { Observed } from "./observed.js";
import type { Step } from "./step.js";

/** On a passive node nobody waits: a machine that is busy for a moment must not make a good snapshot look bad. */
const passiveFailures = 2;

/** True if ProxySQL on this MASTER needs care: it was tried already, or served before, and it does not serve. */
export function isSick(now: Observed): boolean {
  const { running, admin, serving, paused, starting } = now.proxysql;
  if (admin && (serving || paused)) return false;
  if (!running && starting) return false;
  return now.leads !== null || now.care.tries > 0 || running;
}

/** The snapshot in place is given up after it failed; the next plan then finds the one before it. */
export function rejectFailed(now: Observed): Step[] {
  const { trial } = now;
  if (trial === null) return [];
  const enough = now.role === "MASTER" ? 1 : passiveFailures;
  return trial.failures >= enough ? [{ kind: "reject", ranked: trial.ranked }] : [];
}

/**
 * What to do for a sick ProxySQL on the MASTER: start it anew, a few times with growing pauses; then give the address
 * away, if somebody can take it. If nobody can, go on trying: a bad node that serves now and then is better than none.
 */
export function tend(now: Observed, best: Ranked | null): Step[] {
  const { care } = now;
  if (care.tries >= care.tryLimit && isPeerReady(now)) {
    if (care.share === null && care.mayMove) return [{ kind: "demote", why: "given-away" }];
    if (care.share !== null && care.yieldDue) return [{ kind: "yield" }];
    // A start would take up to `start_timeout`, and the address stays here meanwhile.
    if (care.share !== null && care.moving) return [];
  }
  return care.nextTryInMs > 0 ? [] : [...bringUpAnew(now, best), { kind: "prove" }];
}

/** Health takes its time to call a node unfit; what is dead at this very look is not well whatever it says. */
function looksWell({ standby, proxysql }: Observed): boolean {
  return standby === "cold" || (proxysql.admin && proxysql.serving);
}

/** True if somebody could take the address. */
export function isPeerReady(now: Observed): boolean {
  return now.peers.some(({ reachable, ready, role }) => reachable && ready === true && role === "BACKUP");
}

/**
 * Our share of CARP demotion as it should be. A passive node that is not fit carries one, so that it wins only when the
 * other is really gone. It is taken back when the node is well; where that may move the role, no sooner than flap
 * damping allows.
 */
export function shareSteps(now: Observed): Step[] {
  const { care, role, maintenance } = now;
  if (!care.shareSettled) return [{ kind: "settle-share" }];
  if (role === "MASTER") {
    const well = now.leads !== null && now.proxysql.admin && now.proxysql.serving;
    return care.share !== null && well ? [{ kind: "take-back" }] : [];
  }
  if (maintenance !== null) return care.share === null ? [{ kind: "demote", why: "maintenance" }] : [];
  if (now.switching || (care.share === "switchover" && care.standsAside)) return [];
  const isOfHealth = care.share !== null && care.share !== "switchover";
  if (!isOfHealth && care.fit === false) return [{ kind: "demote", why: "unready" }];
  if (care.share === null) return [];
  if (care.fit !== true || !care.mayMove || !looksWell(now)) return [];
  return care.share === "given-away" && !care.recovered ? [] : [{ kind: "take-back" }];
}
