import { bringUp, hushScheduler, prepare, resume, runScheduler, stop } from "./bring-up.js";
import { addsNothingTo, compareLineage, type Lineage, type Ranked, relate, relateTo } from "./lineage.js";
import { lockSteps } from "./lock.js";
import type { Observed, PeerView } from "./observed.js";
import { restoreSteps } from "./restore.js";
import type { Step } from "./step.js";
import { shootFirst } from "./stonith.js";
import { isSick, rejectFailed, shareSteps, tend } from "./tend.js";

/**
 * What to do now so that ProxySQL fits the CARP role. Pure: the same state gives the same steps, and a state that is as
 * it should be gives none. After performing, observe and plan again: some steps bring news (`ask-peers`, `fetch`).
 */
export function plan(now: Observed): readonly Step[] {
  if (now.role === "unknown") return [];
  const lock = lockSteps(now, mayAct(now));
  if (lock !== undefined) return lock;
  const restore = restoreSteps(now, highestEpoch(now));
  if (restore !== undefined) return restore;
  if (now.maintenance !== null && !isForced(now)) return [...look(now), ...shareSteps(now)];
  if (now.switching && now.role === "MASTER") return look(now);
  const rejected = rejectFailed(now);
  if (rejected.length > 0) return rejected;
  const share = shareSteps(now);
  if (now.role === "MASTER") {
    const steps = beMaster(now);
    // A promotion comes before everything else, and what it needs may still be on its way.
    return steps.length === 0 ? share : steps;
  }
  const steps = stepDown(now);
  // A ProxySQL that does not come up must not keep its node from saying so in CARP.
  return now.leads === null ? [...share, ...steps] : [...steps, ...share];
}

/** True while this node is MASTER and may not be promoted for now: the plan is empty, and nothing is as it should be. */
export function isHeldBack(now: Observed): boolean {
  if (now.role !== "MASTER") return false;
  if (lockSteps(now, mayAct(now)) !== undefined) return true;
  return now.leads === null && mayAct(now) && shootFirst(now) !== undefined;
}

/** Neither an operator nor a switchover has said that ProxySQL is theirs for now. */
function mayAct(now: Observed): boolean {
  return (now.maintenance === null || isForced(now)) && !now.switching;
}

/** In maintenance a gained role is followed only if the operator said so; one that is ours already is looked after. */
function isForced(now: Observed): boolean {
  return now.role === "MASTER" && now.maintenance?.forcePromotion === true;
}

/** What is done in maintenance, or while the role is being given away: nothing to ProxySQL. Snapshots go on while we lead, and a lost lead is let go. */
function look(now: Observed): Step[] {
  if (now.leads === null) return [];
  if (now.role !== "MASTER") return [{ kind: "release" }, { kind: "purge" }];
  return now.shipping ? [] : [{ kind: "ship" }];
}

function beMaster(now: Observed): Step[] {
  return now.leads === null ? promote(now) : lead(now);
}

/** The role was gained: get the newest configuration, serve it, then open an epoch of our own. */
function promote(now: Observed): Step[] {
  if (now.peers.some((peer) => !peer.asked)) return [{ kind: "ask-peers" }];
  if (now.masterForMs < now.settleMs) return [{ kind: "settle", ms: now.settleMs - now.masterForMs }];
  const shots = shootFirst(now);
  if (shots !== undefined) return shots;
  const offer = bestOffer(now);
  if (offer) return [{ kind: "fetch", peer: offer.name, ranked: offer.best }];
  if (now.care.tries > 0 && isSick(now)) {
    // What we have is the later one, but ProxySQL does not come up with it: rather serve the other one.
    const spent = now.care.tries >= now.care.tryLimit;
    return tend(now, spent ? now.best : worthTaking(now));
  }
  const serve: Step[] = [...bringUp(now, worthTaking(now)), ...resume(now), { kind: "prove" }];
  // What was doubted may be better than what is led on: it is looked at again first.
  if (isToBeAcquitted(now)) return serve;
  return [...serve, ...runScheduler(now), { kind: "open-epoch", above: highestEpoch(now) }];
}

/**
 * What to install at a promotion: the greatest we hold, unless its node only took over what we already have, or a ProxySQL
 * that serves a configuration unknown to us would lose it (the journal is gone): then that one is led on, and told.
 */
function worthTaking(now: Observed): Ranked | null {
  if (servesForeign(now)) return null;
  const nothingNew = now.best !== null && now.running !== null && addsNothingTo(now.best, now.running);
  return nothingNew ? null : now.best;
}

/** The role is ours already: keep ProxySQL up and shipping, and keep our epoch the highest. */
function lead(now: Observed): Step[] {
  const ship: Step[] = now.shipping ? [] : [{ kind: "ship" }];
  if (isSick(now)) return [...ship, ...tend(now, now.running === null ? now.best : null)];
  if (!now.proxysql.running) return ship;
  const isUnproven = isTrialInPlace(now) || now.canPutBack || isToBeAcquitted(now);
  const prove: Step[] = isUnproven ? [...bringUp(now, null), { kind: "prove" }] : [];
  return [...resume(now), ...ship, ...prove, ...outrank(now)];
}

/**
 * A peer holds a lineage that ours does not cover, and is not MASTER itself: we began without hearing of it. If we
 * changed nothing since, theirs is the later configuration: take it. If they changed nothing, ours is. Otherwise both
 * did: say so. In each case a new epoch above both makes the next shipment acceptable. One that runs a rival lineage
 * but has no snapshot of it has nothing to give: it is only outranked.
 */
function outrank(now: Observed): Step[] {
  // One that cannot be asked may be MASTER still, and can neither be fetched from nor sent to.
  const passive = now.peers.filter(({ reachable, role }) => reachable && role !== "MASTER");
  const open: Step = { kind: "open-epoch", above: highestEpoch(now) };
  const rival = passive.find(({ best }) => best !== null && isRival(now, best));
  if (!rival?.best) return passive.some(({ running }) => runsRival(now, running)) ? [open] : [];
  const theirs = rival.best;
  if (now.running !== null && addsNothingTo(theirs, now.running)) return [open];
  if (now.running === null || now.running.content === now.openingContent) {
    const take: Step = now.proxysql.running
      ? { kind: "apply", ranked: theirs, reportLoss: false }
      : { kind: "install", ranked: theirs, reportLoss: false };
    return [{ kind: "fetch", peer: rival.name, ranked: theirs }, take, { kind: "prove" }, open];
  }
  return [{ kind: "report-divergence", peer: rival.name, theirs }, open];
}

/**
 * The role was lost, or never had: stop leading, then stand by as configured. Releasing may take a last snapshot, so what
 * is to be installed, and whether something gets lost by it, is planned only after that.
 */
function stepDown(now: Observed): Step[] {
  const cold = now.standby === "cold" && !now.holdsAddress;
  if (now.leads !== null) return [{ kind: "release" }, { kind: "purge" }, ...(cold ? stop(now) : [])];
  if (cold) return [...stop(now), ...prepare(now)];
  const up = [...(now.pausedByUs ? resume(now) : []), ...bringUp(now, now.best)];
  // What was put in place must show that ProxySQL lives with it, and what comes next (quiet jobs) needs an answer.
  const { running, admin, serving } = now.proxysql;
  const inTrial = running && isTrialInPlace(now);
  const unproven = up.length > 0 || inTrial || (admin && serving && isToBeAcquitted(now));
  return [...hushScheduler(now), ...up, ...(unproven ? [{ kind: "prove" } as const] : [])];
}

function isTrialInPlace({ trial, running }: Observed): boolean {
  return trial !== null && running !== null && relate(trial.ranked, running.lineage) === "same";
}

/** What serves now shows that ProxySQL lives again, so that the doubts from before say nothing any more. */
function isToBeAcquitted(now: Observed): boolean {
  return now.unsure && (now.trial === null || isTrialInPlace(now));
}

/** The peer with the greatest snapshot worth fetching: greater than what we run and than what we hold. */
function bestOffer(now: Observed): (PeerView & { best: Ranked }) | undefined {
  if (servesForeign(now) || now.care.cannotPlace) return undefined;
  const floor = now.best?.lineage ?? null;
  return now.peers
    .filter((peer): peer is PeerView & { best: Ranked } => peer.reachable && peer.best !== null)
    .filter(({ best }) => ["newer", "newer-without-ours"].includes(relateTo(best, now.running)))
    .filter(({ best }) => floor === null || compareLineage(best.lineage, floor) > 0)
    .filter(({ best }) => now.running === null || !addsNothingTo(best, now.running))
    .sort((a, b) => compareLineage(b.best.lineage, a.best.lineage))[0];
}

/** A lineage that a peer runs and ours would never be accepted over. */
function runsRival(now: Observed, theirs: Lineage | null): boolean {
  const ours = now.running?.lineage;
  if (theirs === null || ours === undefined || theirs.node === ours.node) return false;
  return theirs.epoch >= ours.epoch;
}

function servesForeign(now: Observed): boolean {
  return now.running === null && now.foreign && now.proxysql.running;
}

function isRival(now: Observed, theirs: Ranked): boolean {
  const relation = relate(theirs, now.running?.lineage ?? null);
  return relation === "diverged" || relation === "newer" || relation === "newer-without-ours";
}

function highestEpoch(now: Observed): number {
  const known = [
    now.running?.lineage,
    now.best?.lineage,
    ...now.peers.flatMap((peer) => [peer.best?.lineage, peer.running]),
  ];
  return Math.max(0, now.leads ?? 0, ...known.map((lineage) => lineage?.epoch ?? 0));
}
