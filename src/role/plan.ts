import {
  addsNothingTo,
  compareLineage,
  contentReached,
  type Lineage,
  type Ranked,
  relate,
  relateTo,
} from "./lineage.js";
import type { Observed, PeerView } from "./observed.js";

/** One thing to do. Every step is idempotent: doing it again when it is done already changes nothing. */
export type Step =
  | { readonly kind: "ask-peers" }
  | { readonly kind: "settle"; readonly ms: number }
  | { readonly kind: "fetch"; readonly peer: string; readonly ranked: Ranked }
  | { readonly kind: "install"; readonly ranked: Ranked; readonly reportLoss: boolean }
  | { readonly kind: "apply"; readonly ranked: Ranked; readonly reportLoss: boolean }
  | { readonly kind: "start" }
  | { readonly kind: "resume" }
  | { readonly kind: "prove" }
  | { readonly kind: "run-scheduler" }
  | { readonly kind: "hush-scheduler" }
  | { readonly kind: "open-epoch"; readonly above: number }
  | { readonly kind: "report-divergence"; readonly peer: string; readonly theirs: Ranked }
  | { readonly kind: "ship" }
  | { readonly kind: "release" }
  | { readonly kind: "purge" }
  | { readonly kind: "pause" }
  | { readonly kind: "drain" }
  | { readonly kind: "stop" };

/**
 * What to do now so that ProxySQL fits the CARP role. Pure: the same state gives the same steps, and a state that is as
 * it should be gives none. After performing, observe and plan again: some steps bring news (`ask-peers`, `fetch`).
 */
export function plan(now: Observed): readonly Step[] {
  if (now.role === "unknown") return [];
  if (now.role === "MASTER") return now.leads === null ? promote(now) : lead(now);
  return stepDown(now);
}

/** The role was gained: get the newest configuration, serve it, then open an epoch of our own. */
function promote(now: Observed): Step[] {
  if (now.peers.some((peer) => !peer.asked)) return [{ kind: "ask-peers" }];
  if (now.masterForMs < now.settleMs) return [{ kind: "settle", ms: now.settleMs - now.masterForMs }];
  const offer = bestOffer(now);
  if (offer) return [{ kind: "fetch", peer: offer.name, ranked: offer.best }];
  return [
    ...bringUp(now, worthTaking(now)),
    ...resume(now),
    { kind: "prove" },
    ...runScheduler(now),
    { kind: "open-epoch", above: highestEpoch(now) },
  ];
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
  if (now.proxysql.running) return [...resume(now), ...ship, ...outrank(now)];
  const steps = bringUp(now, now.running === null ? now.best : null);
  return steps.length > 0 ? [...steps, { kind: "prove" }, ...ship] : ship;
}

/**
 * A peer holds a lineage that ours does not cover, and is not MASTER itself: we began without hearing of it. If we
 * changed nothing since, theirs is the later configuration: take it. If they changed nothing, ours is. Otherwise both
 * did: say so. In each case a new epoch above both makes the next shipment acceptable. One that runs a rival lineage
 * but has no snapshot of it has nothing to give: it is only outranked.
 */
function outrank(now: Observed): Step[] {
  const passive = now.peers.filter((peer) => peer.role !== "MASTER");
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
  const up = bringUp(now, now.best);
  // What comes next (quiet jobs, a newer snapshot) needs a ProxySQL that answers.
  const prove: Step[] = up.some(({ kind }) => kind === "start") ? [{ kind: "prove" }] : [];
  return [...hushScheduler(now), ...up, ...prove];
}

/** A stopped ProxySQL gets each snapshot into its place at once, so that a promotion has only to start it. */
function prepare(now: Observed): Step[] {
  if (now.proxysql.running || now.proxysql.starting) return [];
  return bringUp(now, now.best).filter(({ kind }) => kind === "install");
}

function stop(now: Observed): Step[] {
  if (!now.proxysql.running) return [];
  const { admin, paused } = now.proxysql;
  const pause: Step[] = admin && !paused ? [{ kind: "pause" }] : [];
  const drain: Step[] = admin ? [{ kind: "drain" }] : [];
  return [...pause, ...drain, { kind: "stop" }];
}

/** The configuration in if it is greater than what runs, and ProxySQL up. */
function bringUp(now: Observed, best: Ranked | null): Step[] {
  const { running, proxysql } = now;
  const relation = best === null ? "older" : relateTo(best, running);
  const newer = best !== null && (relation === "newer" || relation === "newer-without-ours");
  const target = newer ? best : now.drifted ? running : null;
  const reportLoss = relation === "newer-without-ours" && !(best && running && contentReached(best, running));
  if (proxysql.running)
    return target && proxysql.admin ? [{ kind: "apply", ranked: target, reportLoss }] : [];
  if (proxysql.starting) return [];
  return [...(target ? [{ kind: "install", ranked: target, reportLoss } as const] : []), { kind: "start" }];
}

function resume(now: Observed): Step[] {
  return now.proxysql.paused ? [{ kind: "resume" }] : [];
}

/** Only at a promotion: later on, what an operator has in memory but did not load is his own affair. */
function runScheduler(now: Observed): Step[] {
  const { scheduler } = now.proxysql;
  return scheduler !== null && scheduler.runtime === 0 && scheduler.disk > 0
    ? [{ kind: "run-scheduler" }]
    : [];
}

/** Jobs run on the active node alone. ProxySQL loads them by itself at every start. */
function hushScheduler(now: Observed): Step[] {
  const { scheduler } = now.proxysql;
  return scheduler === null || scheduler.runtime === 0 ? [] : [{ kind: "hush-scheduler" }];
}

/** The peer with the greatest snapshot worth fetching: greater than what we run and than what we hold. */
function bestOffer(now: Observed): (PeerView & { best: Ranked }) | undefined {
  if (servesForeign(now)) return undefined;
  const floor = now.best?.lineage ?? null;
  return now.peers
    .filter((peer): peer is PeerView & { best: Ranked } => peer.best !== null)
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
