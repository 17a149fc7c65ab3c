import { z } from "zod";
import type { Journal } from "../journal/journal.js";
import { wallClock } from "../platform/clock.js";
import { KnownError } from "../platform/errors.js";
import type { Doubt } from "../role/care.js";
import { compareLineage, type Lineage, type Ranked } from "../role/lineage.js";
import { rankedSchema } from "../ship/node-state.js";
import { snapshotId } from "../snapshot/manifest.js";

/**
 * Snapshots that ProxySQL failed on one after the other before what the node had is put back. A ProxySQL that is broken
 * itself fails on all of them, and each costs `start_timeout`.
 */
const chainLimit = 3;
const retriedLimit = 10;

const doubtSchema = z.object({
  lineage: rankedSchema.shape.lineage,
  why: z.string(),
  at: z.string(),
});

const stateSchema = z.object({
  /** Put in place and not yet proven. */
  current: z
    .object({
      ranked: rankedSchema,
      /** What was proven, or was here, before the first unproven one. */
      before: rankedSchema.nullable(),
      /** Where the files are kept that were here before; null if they are in a snapshot. */
      kept: z.string().nullable(),
      failures: z.number().int(),
      why: z.string().nullable(),
    })
    .nullable(),
  doubts: z.array(doubtSchema),
  /** A rejected one may still be in place; where the files are that were there before it. */
  displaced: z.object({ kept: z.string().nullable() }).nullable(),
  /** ProxySQL failed without the doubted ones as well, so it may have been its own fault. */
  unsure: z.boolean().default(false),
  /** Doubted ones that got their second try because of that: there is no third. */
  retried: z.array(rankedSchema.shape.lineage).default([]),
});
type TrialState = z.infer<typeof stateSchema>;

const empty: TrialState = { current: null, doubts: [], displaced: null, unsure: false, retried: [] };

/**
 * What becomes of a snapshot after it was put in place: proven by a ProxySQL that serves it, or doubted and passed over.
 * Verified says that a copy is what was sent; that ProxySQL also lives with it only a start can tell. Survives restarts.
 */
export class Trial {
  readonly #journal: Journal;
  #state: TrialState;

  constructor(journal: Journal) {
    this.#journal = journal;
    const parsed = stateSchema.safeParse(journal.read("trial") ?? empty);
    if (!parsed.success)
      throw new KnownError(
        "state-damaged",
        "The journal's record of unproven snapshots cannot be understood.",
      );
    this.#state = parsed.data;
  }

  get current(): TrialState["current"] {
    return this.#state.current;
  }

  get displaced(): TrialState["displaced"] {
    return this.#state.displaced;
  }

  /** True if the doubted are to be tried once more as soon as ProxySQL serves what is in place. */
  get unsure(): boolean {
    return this.#state.unsure;
  }

  doubts(): readonly Doubt[] {
    return this.#state.doubts.map(({ lineage, why, at }) => ({ id: snapshotId(lineage), why, at }));
  }

  /** True for a snapshot that may be put in place. */
  allows(lineage: Lineage): boolean {
    const { doubts } = this.#state;
    if (doubts.some((doubt) => isSameLineage(doubt.lineage, lineage))) return false;
    // At the chain's end only what is newer than all that failed has a chance of its own.
    return doubts.length < chainLimit || doubts.every((doubt) => compareLineage(doubt.lineage, lineage) < 0);
  }

  /** About to put a snapshot in place of what `running` names. To put the same back once more is no trial. */
  begin(ranked: Ranked, running: Ranked | null): void {
    const { displaced } = this.#state;
    const current = this.#live(running);
    if (current !== null && isSame(current.ranked, ranked)) return;
    if (running !== null && isSame(running, ranked)) {
      this.#keep({ displaced: null });
      return;
    }
    const before = current === null ? running : current.before;
    this.#keep({
      current: {
        ranked: copy(ranked),
        before: before && copy(before),
        kept: current?.kept ?? displaced?.kept ?? null,
        failures: 0,
        why: null,
      },
      displaced: null,
    });
  }

  /** Where the files are that the first unproven one replaced. */
  keptAt(kept: string): void {
    const { current } = this.#state;
    if (current !== null && current.kept === null) this.#keep({ current: { ...current, kept } });
  }

  /** ProxySQL did not live with it, this time. */
  failed(why: string): void {
    const { current } = this.#state;
    if (current !== null) this.#keep({ current: { ...current, failures: current.failures + 1, why } });
  }

  /**
   * ProxySQL does not serve what is in place, `running`. If that is not the unproven one it is not to blame; and whatever
   * it is, ProxySQL has failed without those that are doubted already.
   */
  unproven(why: string, running: Ranked | null): void {
    const { current, displaced, doubts, unsure, retried } = this.#state;
    if (current !== null && running !== null && isSame(current.ranked, running)) this.failed(why);
    // A rejected one may be in place still.
    if (displaced !== null) return;
    if (!unsure && doubts.some(({ lineage }) => !retried.some((one) => isSameLineage(one, lineage))))
      this.#keep({ unsure: true });
  }

  /** Gives the unproven one up: it is doubted from now on. Returns what was here before it. */
  reject(): { rejected: Ranked; before: Ranked | null } | undefined {
    const { current, doubts } = this.#state;
    if (current === null) return undefined;
    const { ranked, before, kept, why } = current;
    const doubt = {
      lineage: ranked.lineage,
      why: why ?? "it was not proven",
      at: new Date(wallClock()).toISOString(),
    };
    this.#keep({
      current: null,
      doubts: [...doubts, doubt],
      displaced: { kept: this.#state.displaced?.kept ?? kept },
      unsure: false,
    });
    return { rejected: ranked, before };
  }

  /** ProxySQL serves what is in place, `running`: what was doubted before is of no interest any more. */
  proven(running: Ranked | null): void {
    const { current, doubts, displaced, unsure, retried } = this.#state;
    if (current === null && displaced === null && !unsure) return;
    // It could not be put in place yet: that what was there before serves says nothing of it.
    if (current !== null && (running === null || !isSame(current.ranked, running))) return;
    if (unsure) {
      const again = [...retried, ...doubts.map(({ lineage }) => lineage)].slice(-retriedLimit);
      this.#keep({ current: null, doubts: [], displaced: null, unsure: false, retried: again });
      return;
    }
    const served = current?.ranked.lineage;
    const left =
      served === undefined ? doubts : doubts.filter((doubt) => compareLineage(doubt.lineage, served) > 0);
    this.#keep({ current: null, doubts: left, displaced: null });
  }

  /** What was there before is back in place. */
  putBack(): void {
    this.#keep({ displaced: null });
  }

  /** What was doubted is gone from the store, and what was there before it is back: nothing is told of it any more. */
  forget(lineage: Lineage): void {
    const { doubts, retried } = this.#state;
    const isOther = (one: Lineage): boolean => !isSameLineage(one, lineage);
    this.#keep({
      doubts: doubts.filter((doubt) => isOther(doubt.lineage)),
      retried: retried.filter(isOther),
      displaced: null,
    });
  }

  /** Nothing at all works, so it was not the snapshots. */
  exonerate(): void {
    if (this.#state.doubts.length > 0) this.#keep({ doubts: [], unsure: false });
  }

  /** True if something else has come to run since the unproven one was begun: it was never in its place. */
  isStale(running: Ranked | null): boolean {
    return this.#state.current !== null && this.#live(running) === null;
  }

  /** The unproven one, unless something else has come to run since it was begun, and it never got into its place. */
  #live(running: Ranked | null): TrialState["current"] {
    const { current } = this.#state;
    if (current === null || (running !== null && isSame(current.ranked, running))) return current;
    const { before } = current;
    const asBefore = running === null ? before === null : before !== null && isSame(before, running);
    return asBefore ? current : null;
  }

  #keep(change: Partial<TrialState>): void {
    const next = { ...this.#state, ...change };
    this.#journal.write({ trial: next });
    this.#state = next;
  }
}

function isSame(one: Ranked, other: Ranked): boolean {
  return isSameLineage(one.lineage, other.lineage);
}

function isSameLineage(one: Lineage, other: Lineage): boolean {
  return compareLineage(one, other) === 0 && one.node === other.node;
}

function copy({ lineage, ancestry, content }: Ranked): z.infer<typeof rankedSchema> {
  return { lineage: { ...lineage }, ancestry: ancestry.map((opening) => ({ ...opening })), content };
}
