import { z } from "zod";
import type { Journal } from "../journal/journal.js";
import { KnownError } from "../platform/errors.js";
import type { Ranked } from "../role/lineage.js";
import { rankedSchema } from "../ship/node-state.js";

const intentSchema = z.object({
  /** What is to be served: the old content under its new lineage. */
  ranked: rankedSchema,
  /** The id of the snapshot that has the old content. */
  from: z.string(),
  /** The id of the snapshot that was taken of the present content before. */
  kept: z.string(),
  /** ISO 8601. */
  since: z.string(),
});

/** A restore that was begun. */
export type RestoreIntent = z.infer<typeof intentSchema>;

/** How a restore ended. `why` is null if it serves. */
export interface RestoreEnd {
  readonly why: string | null;
}

/**
 * The intent to bring an older snapshot back, on disk before anything is done about it, so that a plan after a restart
 * finishes or undoes what was begun.
 */
export class RestoreRecord {
  readonly #journal: Journal;
  #current: RestoreIntent | null;
  #preparing = false;
  #tell: ((end: RestoreEnd) => void) | undefined;

  constructor(journal: Journal) {
    this.#journal = journal;
    const parsed = intentSchema.nullable().safeParse(journal.read("restore") ?? null);
    if (!parsed.success)
      throw new KnownError("state-damaged", "The journal's record of a restore cannot be understood.");
    this.#current = parsed.data;
  }

  get current(): RestoreIntent | null {
    return this.#current;
  }

  /** True while ProxySQL may hold a part of one content and a part of another; `leads`: the epoch we lead. */
  holdsTaking(leads: number | null): boolean {
    const epoch = this.#current?.ranked.lineage.epoch;
    return epoch !== undefined && (leads === null || leads <= epoch);
  }

  /** Keeps others from beginning one until `work` is over; a second one is `not-done`. */
  async alone<T>(work: () => Promise<T>): Promise<T> {
    if (this.#preparing || this.#current !== null)
      throw new KnownError("not-done", "Another restore is under way: wait for its end.");
    this.#preparing = true;
    try {
      return await work();
    } finally {
      this.#preparing = false;
    }
  }

  /** True from the first check of one to its end. */
  get isUnderWay(): boolean {
    return this.#preparing || this.#current !== null;
  }

  /** From now on the plan does it. The promise tells how it ended; a restart of the agent takes it away. */
  begin(intent: Omit<RestoreIntent, "ranked"> & { readonly ranked: Ranked }): Promise<RestoreEnd> {
    const { lineage, ancestry, content } = intent.ranked;
    const ranked = { lineage: { ...lineage }, ancestry: ancestry.map((one) => ({ ...one })), content };
    const current = { ...intent, ranked };
    this.#journal.write({ restore: current });
    this.#current = current;
    return new Promise((resolve) => {
      this.#tell = resolve;
    });
  }

  end(end: RestoreEnd): void {
    this.#journal.write({ restore: null });
    this.#current = null;
    this.#tell?.(end);
    this.#tell = undefined;
  }
}
