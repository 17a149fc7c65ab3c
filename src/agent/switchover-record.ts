import { z } from "zod";
import type { Journal } from "../journal/journal.js";
import { KnownError } from "../platform/errors.js";

const viewSchema = z.object({
  id: z.string(),
  from: z.string(),
  to: z.string(),
  /** ISO 8601. */
  since: z.string(),
});

/** A switchover that this node performs: it gives its role to the peer `to`. */
export type SwitchoverView = z.infer<typeof viewSchema>;

/**
 * The intent to give the role away, on disk before anything is done about it. While it stands the plan leaves ProxySQL
 * and the share of demotion alone. One that the last process left behind is not gone on with: without it the plan makes
 * ProxySQL and CARP agree again, as MASTER (undone) or as BACKUP (finished).
 */
export class SwitchoverRecord {
  readonly #journal: Journal;
  /** What the last process left behind; the agent tells of it and forgets it. */
  readonly leftover: SwitchoverView | null;
  #current: SwitchoverView | null = null;
  #hasPaused: boolean;

  constructor(journal: Journal) {
    this.#journal = journal;
    const parsed = viewSchema.nullable().safeParse(journal.read("switchover") ?? null);
    if (!parsed.success)
      throw new KnownError("state-damaged", "The journal's record of a switchover cannot be understood.");
    this.leftover = parsed.data;
    this.#hasPaused = journal.read("pausedClients") === true;
  }

  get current(): SwitchoverView | null {
    return this.#current;
  }

  /** A switchover has closed ProxySQL's client port here: on the node that stands by it is to be open again. */
  get hasPaused(): boolean {
    return this.#hasPaused;
  }

  /** Before the port is closed, so that it is known after any end of this process. */
  notePause(): void {
    this.#journal.write({ pausedClients: true });
    this.#hasPaused = true;
  }

  /** The port is open again, whoever opened it. */
  noteResume(): void {
    if (!this.#hasPaused) return;
    this.#hasPaused = false;
    this.#journal.tryWrite({ pausedClients: false });
  }

  begin(view: SwitchoverView): void {
    this.#journal.write({ switchover: view });
    this.#current = view;
  }

  /** One that cannot be taken off the disk is told as cut short by the next start, and does no harm. */
  end(): void {
    this.#current = null;
    this.#journal.tryWrite({ switchover: null });
  }
}
