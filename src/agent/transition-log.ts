import type { Journal } from "../journal/journal.js";
import { monotonic } from "../platform/clock.js";
import type { Logger } from "../platform/log.js";

/** Writes transitions and their steps into journal and log. A transition ends when a plan comes out empty. */
export class TransitionLog {
  readonly #journal: Journal;
  readonly #log: Logger;
  #open: { id: number | null; role: string; began: number } | undefined;

  constructor(journal: Journal, log: Logger) {
    this.#journal = journal;
    this.#log = log;
  }

  begin(before: string, role: string, cause: string): void {
    this.abandon();
    this.#open = { id: this.#journal.beginTransition(before, role, cause), role, began: monotonic() };
    this.#log.info(`role ${before} -> ${role} (${cause})`);
  }

  done(step: string, detail: string | undefined, ms: number): void {
    const record = { step, outcome: "done" as const, ms };
    this.#journal.addStep(this.#open?.id ?? null, detail === undefined ? record : { ...record, detail });
    this.#log.info(`${step} done in ${Math.round(ms)} ms${detail === undefined ? "" : `: ${detail}`}`);
  }

  failed(step: string, error: string, ms: number, abandoned: boolean): void {
    this.#journal.addStep(this.#open?.id ?? null, {
      step,
      outcome: abandoned ? "abandoned" : "failed",
      error,
      ms,
    });
    if (abandoned) this.#log.info(`${step} given up after ${Math.round(ms)} ms: the role changed`);
    else this.#log.error({ step, error, ms: Math.round(ms) }, "a step failed");
  }

  /** Everything is as it should be. */
  finish(): void {
    this.#end("done");
  }

  /** Another role came before this transition was through. */
  abandon(): void {
    this.#end("abandoned");
  }

  #end(outcome: "done" | "abandoned"): void {
    if (!this.#open) return;
    const { id, role, began } = this.#open;
    this.#open = undefined;
    const ms = monotonic() - began;
    if (id !== null) this.#journal.endTransition(id, outcome, ms);
    this.#log.info(`transition to ${role} ${outcome} after ${Math.round(ms)} ms`);
  }
}
