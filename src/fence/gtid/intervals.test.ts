import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { contains, count, type Interval, intersect, normalize, subtract } from "./intervals.js";

const some = fc.array(
  fc
    .tuple(fc.integer({ min: 1, max: 40 }), fc.integer({ min: -1, max: 8 }))
    .map(([from, length]): Interval => ({ from: BigInt(from), to: BigInt(from + length) })),
  { maxLength: 12 },
);

function numbers(intervals: readonly Interval[]): Set<bigint> {
  const all = new Set<bigint>();
  for (const { from, to } of intervals) for (let one = from; one <= to; one += 1n) all.add(one);
  return all;
}

function sorted(all: Iterable<bigint>): bigint[] {
  return [...all].sort((a, b) => (a < b ? -1 : 1));
}

/** What the functions promise of every list that they give. */
function isNormal(intervals: readonly Interval[]): boolean {
  return intervals.every(({ from, to }, index) => {
    const before = intervals[index - 1];
    return from <= to && (before === undefined || before.to + 1n < from);
  });
}

describe("intervals, held against sets of numbers", () => {
  it("normalize keeps the numbers and leaves nothing that touches", () => {
    fc.assert(
      fc.property(some, (any) => {
        const normal = normalize(any);
        expect(isNormal(normal)).toBe(true);
        expect(sorted(numbers(normal))).toEqual(sorted(numbers(any)));
        expect(count(normal)).toBe(BigInt(numbers(any).size));
      }),
    );
  });

  it("subtract and intersect are those of the sets", () => {
    fc.assert(
      fc.property(some, some, (one, other) => {
        const [a, b] = [normalize(one), normalize(other)];
        const [inA, inB] = [numbers(a), numbers(b)];
        const [minus, both] = [subtract(a, b), intersect(a, b)];
        expect(isNormal(minus) && isNormal(both)).toBe(true);
        expect(sorted(numbers(minus))).toEqual(sorted([...inA].filter((number) => !inB.has(number))));
        expect(sorted(numbers(both))).toEqual(sorted([...inA].filter((number) => inB.has(number))));
      }),
    );
  });

  it("contains tells the same", () => {
    fc.assert(
      fc.property(some, fc.bigInt({ min: 0n, max: 50n }), (any, number) => {
        expect(contains(normalize(any), number)).toBe(numbers(any).has(number));
      }),
    );
  });

  it("goes to the largest number that a server gives, without loss", () => {
    const most = 2n ** 63n - 2n;
    expect(subtract([{ from: 1n, to: most }], [{ from: 1n, to: most - 1n }])).toEqual([
      { from: most, to: most },
    ]);
  });
});
