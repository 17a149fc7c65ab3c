import type { Figure } from "./figure.js";

/** How often things are measured. */
export interface Counts {
  readonly events: number;
  readonly restores: number;
  readonly changes: number;
  readonly promotions: number;
  /** Schedule ticks of a second each. */
  readonly ticks: number;
  readonly restSeconds: number;
  /** Servers that are downtimed one after the other. */
  readonly fences: number;
}

export const fullCounts: Counts = {
  events: 100,
  restores: 10,
  changes: 20,
  promotions: 10,
  ticks: 20,
  restSeconds: 30,
  fences: 24,
};

export const quickCounts: Counts = {
  events: 20,
  restores: 4,
  changes: 5,
  promotions: 3,
  ticks: 4,
  restSeconds: 6,
  fences: 6,
};

export interface BenchmarkContext {
  readonly counts: Counts;
  /** Called, last one first, when the benchmark has ended or is interrupted. */
  readonly onEnd: (work: () => Promise<void>) => void;
}

/** A group of figures that are measured on one pair. */
export interface Benchmark {
  readonly name: string;
  /** The names of the figures it makes. */
  readonly figures: readonly string[];
  /** Why it cannot be measured on this machine, or undefined if it can. It is skipped then. */
  readonly missing?: () => string | undefined;
  readonly run: (context: BenchmarkContext) => Promise<Figure[]>;
}
