/** Where a snapshot stands: a promotion opens a new epoch, each snapshot takes the next sequence in it. */
export interface Lineage {
  readonly epoch: number;
  readonly sequence: number;
  readonly node: string;
}

/**
 * How one epoch began: which node opened it, on top of which lineage, and the content digest of that base. A
 * snapshot carries its line of epochs, so that a reader can tell a descendant from a rival.
 */
export interface EpochOpening {
  readonly epoch: number;
  readonly node: string;
  readonly base: Lineage | null;
  readonly baseContent: string | null;
}

/** How many epochs back a snapshot remembers. A pair that fails over daily remembers a month. */
export const ancestryLimit = 32;

/** A snapshot as far as choosing between two of them is concerned. */
export interface Ranked {
  readonly lineage: Lineage;
  readonly ancestry: readonly EpochOpening[];
  readonly content: string;
}

/** Negative, zero or positive as `a` is lower than, equal to or greater than `b`. The node's name does not rank. */
export function compareLineage(a: Lineage, b: Lineage): number {
  return a.epoch - b.epoch || a.sequence - b.sequence;
}

/** `6.12@a`: epoch 6, sequence 12, node a. */
export function formatLineage(lineage: Lineage): string {
  return `${lineage.epoch}.${lineage.sequence}@${lineage.node}`;
}

/**
 * What a snapshot is to the lineage a node runs:
 * - `same`, `older`: nothing to install;
 * - `newer`: greater, and everything the node runs went into it;
 * - `newer-without-ours`: greater, but what the node runs never reached the other side: install, keep ours, report;
 * - `diverged`: same epoch from another node: never install by itself.
 */
export type Relation = "same" | "older" | "newer" | "newer-without-ours" | "diverged";

export function relate(candidate: Pick<Ranked, "lineage" | "ancestry">, running: Lineage | null): Relation {
  if (running === null) return "newer";
  const { lineage } = candidate;
  if (lineage.epoch === running.epoch && lineage.node !== running.node) return "diverged";
  const order = compareLineage(lineage, running);
  if (order === 0) return "same";
  if (order < 0) return "older";
  return descendsFrom(candidate, running) ? "newer" : "newer-without-ours";
}

/** True if `lineage` went into the candidate: same epoch and node, or one of its epochs was opened on it or later. */
export function descendsFrom(candidate: Pick<Ranked, "lineage" | "ancestry">, lineage: Lineage): boolean {
  const own = candidate.lineage;
  if (own.epoch === lineage.epoch && own.node === lineage.node) return own.sequence >= lineage.sequence;
  return candidate.ancestry.some(
    ({ base }) =>
      base !== null &&
      base.epoch === lineage.epoch &&
      base.node === lineage.node &&
      base.sequence >= lineage.sequence,
  );
}

/**
 * True if what a node runs reached the other side in content, if not by name: the candidate's line began an epoch on the
 * same line as ours, with the content that we have. A snapshot taken without need must not look like a loss.
 */
export function contentReached(candidate: Pick<Ranked, "ancestry">, running: Ranked): boolean {
  const { epoch, node } = running.lineage;
  return candidate.ancestry.some(
    ({ base, baseContent }) =>
      base !== null && base.epoch === epoch && base.node === node && baseContent === running.content,
  );
}

/**
 * True if the candidate's node changed nothing since it took over from a state that we already have: then what we run
 * is the later configuration although its lineage is lower (a link flap right after an edit), and nothing need be lost.
 */
export function addsNothingTo(candidate: Ranked, running: Ranked): boolean {
  const opening = candidate.ancestry.find(({ epoch }) => epoch === candidate.lineage.epoch);
  if (opening === undefined || opening.base === null || opening.baseContent !== candidate.content)
    return false;
  return descendsFrom(running, opening.base);
}

/**
 * `relate`, knowing what the node runs as well as its lineage. Two nodes that became MASTER at the same moment open the
 * same epoch; the one that changed nothing since loses nothing by taking the other's snapshot, so to it that is newer.
 */
export function relateTo(candidate: Ranked, running: Ranked | null): Relation {
  const relation = relate(candidate, running?.lineage ?? null);
  return relation === "diverged" && running !== null && addsNothingTo(running, candidate)
    ? "newer"
    : relation;
}

/** The line of epochs after one more opening, newest first, bounded. */
export function extendAncestry(
  ancestry: readonly EpochOpening[],
  opening: EpochOpening,
): readonly EpochOpening[] {
  return [opening, ...ancestry.filter(({ epoch }) => epoch < opening.epoch)].slice(0, ancestryLimit);
}
