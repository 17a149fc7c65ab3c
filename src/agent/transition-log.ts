import type { Journal } from "../journal/journal.js";
import { monotonic } from "../platform/clock.js";
import type { Logger } from "../platform/log.js";
import { formatLineage } from "../role/lineage.js";
import type { Step } from "../role/step.js";

/** Looks whose plans are kept. A transition that comes to no end plans the same few things again and again. */
const mostPlans = 20;

/** Writes transitions and their steps into journal and log. A transition ends when a plan comes out empty. */
export class TransitionLog {
  readonly #journal: Journal;
  readonly #log: Logger;
  #open: { id: number | null; role: string; began: number; plans: string[][] } | undefined;

  constructor(journal: Journal, log: Logger) {
    this.#journal = journal;
    this.#log = log;
    journal.endInterrupted();
  }

  begin(before: string, role: string, cause: string): void {
    this.abandon();
    const id = this.#journal.beginTransition(before, role, cause);
    this.#open = { id, role, began: monotonic(), plans: [] };
    this.#log.info(`role ${before} -> ${role} (${cause})`);
  }

  /** What is to be done now, before any of it is. The same plan as at the look before is not told again. */
  planned(steps: readonly Step[]): void {
    if (!this.#open || this.#open.id === null || steps.length === 0) return;
    const { id, plans } = this.#open;
    const texts = steps.map(describeStep);
    if (plans.length >= mostPlans || plans.at(-1)?.join() === texts.join()) return;
    plans.push(texts);
    this.#journal.planTransition(id, plans);
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

/** A step as people read it: `fetch 6.12@a from b`. */
function describeStep(step: Step): string {
  switch (step.kind) {
    case "fetch":
      return `fetch ${formatLineage(step.ranked.lineage)} from ${step.peer}`;
    case "install":
    case "apply":
    case "reject":
      return `${step.kind} ${formatLineage(step.ranked.lineage)}`;
    case "knock":
    case "shoot":
      return `${step.kind} ${step.peer}`;
    case "demote":
      return `demote (${step.why})`;
    case "report-divergence":
      return `report-divergence from ${step.peer}`;
    default:
      return step.kind;
  }
}
