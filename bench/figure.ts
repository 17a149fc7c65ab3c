import { median, percentile } from "./statistics.js";

/** A measured figure, as the document of `npm run bench -- --json` has it. Described in docs/json.md. */
export interface Figure {
  readonly name: string;
  readonly unit: string;
  readonly ours: { readonly p50: number; readonly p99: number; readonly n: number };
  /** The same thing as the shell recipe does it, measured in the same run; null if it has no such thing or cannot run here. */
  readonly versus: { readonly name: string; readonly p50: number; readonly n: number } | null;
  /** Ours divided by the recipe's, of the medians. */
  readonly ratio: number | null;
  readonly bound: string;
  readonly ok: boolean;
  /** How it was measured, and why something is missing. */
  readonly note: string;
}

/**
 * Where the limit is: for the median itself in the figure's unit, for what 99 of 100 samples do not exceed (of less than a
 * hundred: for all of them), or for the ratio of the medians.
 */
export interface Bound {
  readonly of: "p50" | "p99" | "ratio";
  readonly most: number;
  /** The value must stay below `most`, not just reach it. */
  readonly below?: boolean;
}

export interface Measured {
  readonly name: string;
  readonly unit: string;
  readonly samples: readonly number[];
  readonly versus?: { readonly name: string; readonly samples: readonly number[] } | undefined;
  readonly bound: Bound;
  readonly note: string;
}

/** Makes the figure of what was measured. A figure without its samples, or whose bound cannot be checked, is not ok. */
export function figureOf({ name, unit, samples, versus, bound, note }: Measured): Figure {
  const [p50, p99] = [median(samples), percentile(samples, 0.99)];
  const theirs = versus === undefined || versus.samples.length === 0 ? null : median(versus.samples);
  const ratio = theirs === null || theirs === 0 ? null : p50 / theirs;
  const value = { p50, p99, ratio }[bound.of];
  const holds = value !== null && (bound.below === true ? value < bound.most : value <= bound.most);
  return {
    name,
    unit,
    ours: { p50: rounded(p50), p99: rounded(p99), n: samples.length },
    versus:
      theirs === null || versus === undefined
        ? null
        : { name: versus.name, p50: rounded(theirs), n: versus.samples.length },
    ratio: ratio === null ? null : rounded(ratio),
    bound: describeBound(bound, unit),
    ok: samples.length > 0 && holds,
    note,
  };
}

function describeBound({ of, most, below }: Bound, unit: string): string {
  const relation = below === true ? "<" : "<=";
  if (of === "ratio") return `ratio ${relation} ${most}`;
  return `${of === "p50" ? "median" : "p99"} ${relation} ${most} ${unit}`;
}

function rounded(value: number): number {
  return Number(value.toPrecision(value < 10 ? 3 : 5));
}
