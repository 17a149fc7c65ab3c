import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { compareLineage, descendsFrom, extendAncestry, type Lineage, type Ranked } from "../role/lineage.js";
import { commonAncestors, isLost, whereTheyParted } from "./parting.js";

const at = (epoch: number, sequence: number, node: string): Lineage => ({ epoch, sequence, node });

/** The next snapshot of the same epoch. */
function next(before: Ranked, content: string): Ranked {
  return { ...before, lineage: { ...before.lineage, sequence: before.lineage.sequence + 1 }, content };
}

/** What a node runs that has opened an epoch on top of `base`. */
function opened(base: Ranked | null, epoch: number, node: string): Ranked {
  const opening = { epoch, node, base: base?.lineage ?? null, baseContent: base?.content ?? null };
  return {
    lineage: at(epoch, 0, node),
    ancestry: extendAncestry(base?.ancestry ?? [], opening),
    content: base?.content ?? "",
  };
}

const first = next(opened(null, 1, "a"), "first");
const second = next(first, "second");

describe("where two lines parted", () => {
  it("is the last snapshot that went into both", () => {
    const ours = next(second, "ours");
    const theirs = next(opened(second, 2, "b"), "theirs");
    expect(whereTheyParted(ours, theirs)).toEqual(second.lineage);
    expect(whereTheyParted(theirs, ours)).toEqual(second.lineage);
  });

  it("is the base of both where each opened an epoch, be it the same", () => {
    for (const epoch of [2, 3]) {
      const ours = next(opened(second, 2, "a"), "ours");
      const theirs = next(opened(second, epoch, "b"), "theirs");
      expect(whereTheyParted(ours, theirs)).toEqual(second.lineage);
    }
  });

  it("is found behind epochs that each opened after it", () => {
    const ours = next(opened(next(second, "ours"), 4, "a"), "ours");
    const theirs = next(opened(next(opened(first, 2, "b"), "theirs"), 3, "c"), "theirs");
    expect(whereTheyParted(ours, theirs)).toEqual(first.lineage);
  });

  it("is the older one where one went into the other", () => {
    expect(whereTheyParted(first, next(opened(second, 2, "b"), "theirs"))).toEqual(first.lineage);
  });

  it("is nowhere for two that never had anything in common", () => {
    expect(whereTheyParted(first, next(opened(null, 1, "b"), "theirs"))).toBeNull();
  });
});

describe("the base of a comparison", () => {
  const ours = next(opened(next(second, "ours"), 4, "a"), "ours");
  const theirs = next(opened(second, 2, "b"), "theirs");

  it("is the greatest that is left of what went into both", () => {
    const there = [first, second, ours, theirs];
    expect(commonAncestors(there, ours, theirs)).toEqual([second, first]);
    expect(commonAncestors([first, ours, theirs], ours, theirs)).toEqual([first]);
    expect(commonAncestors([ours, theirs], ours, theirs)).toEqual([]);
  });
});

describe("a loss", () => {
  const ours = next(second, "ours");
  const theirs = next(opened(second, 2, "b"), "theirs");

  it("is what did not go into the one that is live", () => {
    expect(isLost(theirs, ours)).toBe(true);
    expect(isLost(ours, theirs)).toBe(true);
  });

  it("is none where it went in, by name or in content", () => {
    expect(isLost(second, theirs)).toBe(false);
    const again = next(second, second.content);
    expect(isLost(again, theirs)).toBe(false);
  });

  it("is none where the other only took over what the live one has", () => {
    const idle = next(opened(second, 2, "b"), second.content);
    expect(isLost(idle, ours)).toBe(false);
  });
});

describe("of any two histories of one pair", () => {
  const step = fc.record({
    node: fc.constantFrom("a" as const, "b" as const),
    /** Takes a snapshot, opens an epoch on its own, or takes over what the other has. */
    act: fc.constantFrom("take" as const, "open" as const, "adopt" as const),
  });

  it("the parting went into both, and nothing greater that was ever taken did", () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 25 }), (steps) => {
        const held: Record<"a" | "b", Ranked> = { a: first, b: first };
        const all: Ranked[] = [first];
        let epoch = 1;
        for (const [index, { node, act }] of steps.entries()) {
          if (act === "adopt") held[node] = held[node === "a" ? "b" : "a"];
          else if (act === "open" || held[node].lineage.node !== node) {
            epoch += 1;
            held[node] = next(opened(held[node], epoch, node), `edit ${index}`);
          } else if (
            !all.some(({ lineage }) => compareLineage(lineage, next(held[node], "").lineage) === 0)
          ) {
            held[node] = next(held[node], `edit ${index}`);
          }
          all.push(held[node]);
        }
        const parted = whereTheyParted(held.a, held.b);
        expect(parted).not.toBeNull();
        for (const each of [held.a, held.b]) expect(descendsFrom(each, parted as Lineage)).toBe(true);
        expect(commonAncestors(all, held.a, held.b)[0]?.lineage).toEqual(parted);
      }),
      { numRuns: 500 },
    );
  });
});
