import {
  addsNothingTo,
  compareLineage,
  contentReached,
  descendsFrom,
  type Lineage,
  type Ranked,
} from "../role/lineage.js";

/** Where two lines of snapshots parted: the greatest lineage that went into both, or null if they share none. */
export function whereTheyParted(one: Ranked, other: Ranked): Lineage | null {
  const shared = reachesOf(one).flatMap((reach) =>
    reachesOf(other)
      .filter(({ epoch, node }) => epoch === reach.epoch && node === reach.node)
      .map((theirs) => (theirs.sequence < reach.sequence ? theirs : reach)),
  );
  return shared.sort((a, b) => compareLineage(b, a))[0] ?? null;
}

/** How far into each epoch of its line a snapshot reaches. */
function reachesOf({ lineage, ancestry }: Ranked): Lineage[] {
  return [lineage, ...ancestry.flatMap(({ base }) => base ?? [])];
}

/** Of what is there, all that went into both, greatest first: the first is the best base to compare them with. */
export function commonAncestors<T extends { readonly lineage: Lineage }>(
  there: readonly T[],
  one: Ranked,
  other: Ranked,
): T[] {
  return there
    .filter(({ lineage }) => descendsFrom(one, lineage) && descendsFrom(other, lineage))
    .sort((a, b) => compareLineage(b.lineage, a.lineage));
}

/** True if the snapshot that is not live holds something that never went into the one that is. */
export function isLost(lost: Ranked, live: Ranked): boolean {
  return !descendsFrom(live, lost.lineage) && !contentReached(live, lost) && !addsNothingTo(lost, live);
}
