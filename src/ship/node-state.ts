import { z } from "zod";
import type { Journal } from "../journal/journal.js";
import { KnownError } from "../platform/errors.js";
import { type EpochOpening, extendAncestry, type Lineage, type Ranked } from "../role/lineage.js";
import { type Manifest, manifestSchema } from "../snapshot/manifest.js";

/** What is kept of a snapshot that this node holds. */
export const rankedSchema = z.object({
  lineage: manifestSchema.shape.lineage,
  ancestry: manifestSchema.shape.ancestry,
  content: z.string(),
});

const stateSchema = z.object({
  /** What this node's ProxySQL holds, or null if it never held anything of ours. */
  running: rankedSchema.nullable(),
  /** The epoch this node opened and leads. Survives restarts of the agent; ends with the role. */
  leads: z.number().int().nullable(),
  openingContent: z.string().nullable(),
  /** The database's change mark when it was last known to be what `running` says. */
  mark: z.string().nullable().default(null),
});

interface State {
  readonly running: Ranked | null;
  readonly leads: number | null;
  readonly openingContent: string | null;
  readonly mark: string | null;
}

const empty: State = { running: null, leads: null, openingContent: null, mark: null };

/** What ranks a snapshot: its lineage, its line of epochs, and the content that both nodes share. */
export function rankOf(manifest: Manifest): Ranked {
  return { lineage: manifest.lineage, ancestry: manifest.ancestry, content: manifest.shared };
}

/** What this node must remember across restarts. Every change is on disk before the method returns. */
export class NodeState {
  readonly #journal: Journal;
  #state: State;

  constructor(journal: Journal) {
    this.#journal = journal;
    const kept = journal.read("node");
    const parsed = stateSchema.safeParse(kept ?? empty);
    if (!parsed.success) {
      throw new KnownError(
        "state-damaged",
        "The journal's record of what this node runs cannot be understood.",
      );
    }
    this.#state = parsed.data;
  }

  get running(): Ranked | null {
    return this.#state.running;
  }

  /** ProxySQL's database had this change mark when it was last known to hold `running`; null if unknown. */
  get mark(): string | null {
    return this.#state.mark;
  }

  get leads(): number | null {
    return this.#state.leads;
  }

  get openingContent(): string | null {
    return this.#state.openingContent;
  }

  /** A snapshot is now what ProxySQL holds: installed, applied, or taken from it. `mark`: see `changeMark`. */
  holds(manifest: Manifest, mark: string): void {
    const opens = manifest.lineage.epoch === this.#state.leads && manifest.lineage.sequence === 1;
    this.#keep({ running: rankOf(manifest), mark, ...(opens ? { openingContent: manifest.shared } : {}) });
  }

  /** The database was written to and still says what `running` says. */
  sameAs(mark: string): void {
    this.#keep({ mark });
  }

  /** Opens an epoch greater than `above` on top of what runs, and returns it. */
  openEpoch(node: string, above: number): number {
    const epoch = above + 1;
    const base: Lineage | null = this.running?.lineage ?? null;
    const content = this.running?.content ?? null;
    const opening: EpochOpening = { epoch, node, base, baseContent: content };
    const ancestry = extendAncestry(this.running?.ancestry ?? [], opening);
    this.#keep({
      running: { lineage: { epoch, sequence: 0, node }, ancestry, content: content ?? "" },
      leads: epoch,
      openingContent: content,
    });
    return epoch;
  }

  /** What was put in place did not work out: ProxySQL is meant to hold this again. The database is not believed. */
  fallBackTo(before: Ranked | null): void {
    this.#keep({ running: before, mark: null });
  }

  /**
   * True if the epoch that this node leads was opened by a node of another name, which was this one's until it was renamed.
   * Peers take the snapshots of one epoch from one node only.
   */
  leadsAsAnother(node: string): boolean {
    const opening = this.running?.ancestry.find(({ epoch }) => epoch === this.leads);
    return opening !== undefined && opening.node !== node;
  }

  release(): void {
    this.#keep({ leads: null, openingContent: null });
  }

  #keep(change: Partial<State>): void {
    const next = { ...this.#state, ...change };
    this.#journal.write({ node: next });
    this.#state = next;
  }
}
