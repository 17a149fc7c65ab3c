import { monotonic, wallClock } from "../platform/clock.js";
import { isOver, type StepProgress, type SwitchoverDocument, type SwitchoverState } from "./document.js";
import type { Refusal } from "./refusals.js";
import type { PlannedStep, SwitchoverStep } from "./steps.js";

interface Timed extends PlannedStep {
  state: StepProgress["state"];
  began: number | null;
  ms: number | null;
  detail: string | null;
}

/** How far a switchover is: written by who performs it, read at any moment by who watches. */
export class Progress {
  readonly id: string;
  readonly from: string;
  to: string;
  readonly startedAt = new Date(wallClock()).toISOString();
  readonly #began = monotonic();
  #state: SwitchoverState = "running";
  #steps: Timed[] = [];
  #refusals: readonly Refusal[] = [];
  #overridden: readonly Refusal[] = [];
  #ms: number | null = null;
  #unservedFrom: number | null = null;
  #unservedMs: number | null = null;
  #standsAside: boolean | null = null;
  #error: string | null = null;
  readonly #undo: string[] = [];

  constructor(id: string, from: string, to: string) {
    this.id = id;
    this.from = from;
    this.to = to;
  }

  get isOver(): boolean {
    return isOver({ state: this.#state });
  }

  /** What is going to be done; steps that were begun before keep what they have. */
  plan(steps: readonly PlannedStep[]): void {
    const before = new Map(this.#steps.map((step) => [step.step, step]));
    this.#steps = steps.map((step) => ({
      state: "waiting",
      began: null,
      ms: null,
      detail: null,
      ...before.get(step.step),
      ...step,
    }));
  }

  refusals(refusals: readonly Refusal[], overridden: readonly Refusal[]): void {
    this.#refusals = refusals;
    this.#overridden = overridden;
  }

  begin(name: SwitchoverStep): void {
    this.#set(name, { state: "running", began: monotonic() });
  }

  done(name: SwitchoverStep, detail: string | undefined): void {
    this.#end(name, "done", detail ?? null);
  }

  failed(name: SwitchoverStep, error: string): void {
    this.#end(name, "failed", error);
    this.#error = error;
  }

  /** Clients get no new connection from now on. */
  stopsServing(): void {
    this.#unservedFrom ??= monotonic();
  }

  /** The new node was seen to serve. Only the first time counts. */
  servesAgain(): void {
    if (this.#unservedFrom !== null) this.#unservedMs ??= monotonic() - this.#unservedFrom;
  }

  standsAside(value: boolean): void {
    this.#standsAside = value;
  }

  undone(sentence: string): void {
    this.#undo.push(sentence);
  }

  over(state: Exclude<SwitchoverState, "running">, error?: string): void {
    for (const step of this.#steps)
      if (step.state === "waiting" && state !== "planned") step.state = "skipped";
    if (error !== undefined) this.#error = error;
    this.#ms = monotonic() - this.#began;
    this.#state = state;
  }

  document(): SwitchoverDocument {
    const now = monotonic();
    return {
      schema: "proxysql-carp/switchover/v1",
      id: this.id,
      from: this.from,
      to: this.to,
      state: this.#state,
      startedAt: this.startedAt,
      refusals: this.#refusals,
      overridden: this.#overridden,
      steps: this.#steps.map(({ step, what, state, began, ms, detail }) => ({
        step,
        what,
        state,
        ms: rounded(ms ?? (began === null ? null : now - began)),
        detail,
      })),
      ms: Math.round(this.#ms ?? now - this.#began),
      unservedMs: rounded(this.#unservedMs),
      standsAside: this.#standsAside,
      error: this.#error,
      undo: [...this.#undo],
    };
  }

  #end(name: SwitchoverStep, state: StepProgress["state"], detail: string | null): void {
    const began = this.#steps.find(({ step }) => step === name)?.began ?? monotonic();
    this.#set(name, { state, detail, ms: monotonic() - began });
  }

  #set(name: SwitchoverStep, change: Partial<Timed>): void {
    this.#steps = this.#steps.map((step) => (step.step === name ? { ...step, ...change } : step));
  }
}

function rounded(ms: number | null): number | null {
  return ms === null ? null : Math.round(ms);
}
