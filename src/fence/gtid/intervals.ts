/** Whole numbers from `from` to `to`, both included. */
export interface Interval {
  readonly from: bigint;
  readonly to: bigint;
}

/** Sorted by `from`, without overlaps or neighbours that touch. Every function here takes and gives such a list. */
export type Intervals = readonly Interval[];

/** Any intervals as a sorted list in which nothing overlaps or touches. Empty ones (`to` below `from`) are dropped. */
export function normalize(intervals: readonly Interval[]): Interval[] {
  const sorted = intervals.filter(({ from, to }) => from <= to).sort((a, b) => (a.from < b.from ? -1 : 1));
  const result: Interval[] = [];
  for (const { from, to } of sorted) {
    const last = result.at(-1);
    if (last === undefined || from > last.to + 1n) result.push({ from, to });
    else if (to > last.to) result[result.length - 1] = { from: last.from, to };
  }
  return result;
}

/** The numbers of `a` that are not in `b`. */
export function subtract(a: Intervals, b: Intervals): Interval[] {
  const result: Interval[] = [];
  let next = 0;
  for (const { from, to } of a) {
    let left = from;
    while (next < b.length && (b[next] as Interval).to < left) next += 1;
    // `b[at]` may reach into the next interval of `a` too, so only `at` goes on here.
    for (let at = next; at < b.length && (b[at] as Interval).from <= to; at += 1) {
      const taken = b[at] as Interval;
      if (taken.from > left) result.push({ from: left, to: taken.from - 1n });
      if (taken.to + 1n > left) left = taken.to + 1n;
    }
    if (left <= to) result.push({ from: left, to });
  }
  return result;
}

/** The numbers that are in both. */
export function intersect(a: Intervals, b: Intervals): Interval[] {
  return subtract(a, subtract(a, b));
}

/** How many numbers there are. */
export function count(intervals: Intervals): bigint {
  return intervals.reduce((sum, { from, to }) => sum + to - from + 1n, 0n);
}

/** Whether a number is among them. */
export function contains(intervals: Intervals, number: bigint): boolean {
  return intervals.some(({ from, to }) => from <= number && number <= to);
}
