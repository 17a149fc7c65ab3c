import { z } from "zod";
import type { Journal } from "../journal/journal.js";
import { wallClock } from "../platform/clock.js";
import { KnownError } from "../platform/errors.js";
import type { MaintenanceView } from "../role/care.js";

const keptSchema = z
  .object({ since: z.string(), note: z.string().nullable(), forcePromotion: z.boolean() })
  .nullable();

/** Whether an operator said that this node shall look and report but not act. Survives restarts and reboots. */
export class Maintenance {
  readonly #journal: Journal;
  #view: MaintenanceView | null;

  constructor(journal: Journal) {
    this.#journal = journal;
    const parsed = keptSchema.safeParse(journal.read("maintenance") ?? null);
    // Not to know whether an operator works here must not mean that we act.
    if (!parsed.success)
      throw new KnownError("state-damaged", "The journal's record of maintenance cannot be understood.");
    this.#view = parsed.data;
  }

  /** null when it is off. */
  view(): MaintenanceView | null {
    return this.#view;
  }

  /** Said again it changes note and force, not since when. */
  on(note: string | undefined, forcePromotion: boolean): MaintenanceView {
    const since = this.#view?.since ?? new Date(wallClock()).toISOString();
    const view = { since, note: note ?? this.#view?.note ?? null, forcePromotion };
    this.#keep(view);
    return view;
  }

  off(): void {
    this.#keep(null);
  }

  #keep(view: MaintenanceView | null): void {
    this.#journal.write({ maintenance: view });
    this.#view = view;
    this.#journal.addNote(view === null ? "maintenance-off" : "maintenance-on", view ?? {});
  }
}
