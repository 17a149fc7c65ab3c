import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  addsNothingTo,
  ancestryLimit,
  compareLineage,
  contentReached,
  descendsFrom,
  type EpochOpening,
  extendAncestry,
  formatLineage,
  type Lineage,
  relate,
} from "./lineage.js";

function lineage(text: string): Lineage {
  const [, epoch, sequence, node] = /^(\d+)\.(\d+)@(\w+)$/.exec(text) as RegExpExecArray;
  return { epoch: Number(epoch), sequence: Number(sequence), node: node as string };
}

/** A snapshot whose epoch was opened on `base`; further openings may follow. */
function snapshot(at: string, base: string | null, rest: readonly EpochOpening[] = []) {
  const own = lineage(at);
  const opening = {
    epoch: own.epoch,
    node: own.node,
    base: base === null ? null : lineage(base),
    baseContent: "base",
  };
  return { lineage: own, ancestry: [opening, ...rest], content: "base" };
}

const anyLineage = fc.record({
  epoch: fc.nat(9),
  sequence: fc.nat(9),
  node: fc.constantFrom("a", "b"),
});

describe("relate", () => {
  it.each([
    ["6.1@b", "5.9@a", "5.9@a", "newer"],
    ["6.1@b", "5.9@a", "5.8@a", "newer"],
    ["6.1@b", "5.9@a", "5.10@a", "newer-without-ours"],
    ["5.9@a", "4.2@b", "5.9@a", "same"],
    ["5.9@a", "4.2@b", "5.10@a", "older"],
    ["5.9@a", "4.2@b", "6.1@b", "older"],
    ["6.4@b", "5.9@a", "6.1@a", "diverged"],
    ["6.1@b", "5.9@a", "6.4@a", "diverged"],
    ["5.11@a", "4.2@b", "5.10@a", "newer"],
  ])("says of %s (opened on %s) to a node that runs %s: %s", (candidate, base, running, relation) => {
    expect(relate(snapshot(candidate, base), lineage(running))).toBe(relation);
  });

  it("says newer of anything to a node that runs nothing", () => {
    expect(relate(snapshot("0.1@a", null), null)).toBe("newer");
  });

  it("never calls anything newer that is not greater", () => {
    fc.assert(
      fc.property(anyLineage, anyLineage, (one, other) => {
        const relation = relate({ lineage: one, ancestry: [] }, other);
        expect(relation.startsWith("newer")).toBe(relation !== "diverged" && compareLineage(one, other) > 0);
      }),
    );
  });

  it("knows a descendant over several failovers", () => {
    const older = { epoch: 6, node: "b", base: lineage("5.9@a"), baseContent: "" };
    const candidate = snapshot("7.1@a", "6.3@b", [older]);

    expect(descendsFrom(candidate, lineage("5.9@a"))).toBe(true);
    expect(descendsFrom(candidate, lineage("5.10@a"))).toBe(false);
  });
});

describe("addsNothingTo", () => {
  it("lets our later edit stand when the other node took over and changed nothing", () => {
    const ours = { ...snapshot("5.10@a", "4.1@b"), content: "edited" };

    expect(addsNothingTo(snapshot("6.1@b", "5.9@a"), ours)).toBe(true);
  });

  it("does not when the other node changed something", () => {
    const ours = { ...snapshot("5.10@a", "4.1@b"), content: "edited" };

    expect(addsNothingTo({ ...snapshot("6.2@b", "5.9@a"), content: "other" }, ours)).toBe(false);
  });

  it("does not when it took over from a state that we never had", () => {
    expect(addsNothingTo(snapshot("7.1@b", "6.2@b"), snapshot("5.10@a", "4.1@b"))).toBe(false);
  });
});

describe("contentReached", () => {
  const taken = { ...snapshot("5.10@a", "4.1@b"), content: "base" };

  it("sees that a later snapshot of ours says nothing that the other side did not begin with", () => {
    expect(contentReached(snapshot("6.1@b", "5.9@a"), taken)).toBe(true);
  });

  it("sees an edit that the other side did not begin with", () => {
    expect(contentReached(snapshot("6.1@b", "5.9@a"), { ...taken, content: "edited" })).toBe(false);
    expect(contentReached(snapshot("6.1@b", "4.1@b"), taken)).toBe(false);
  });
});

describe("extendAncestry", () => {
  it("keeps the newest openings first and forgets beyond the limit", () => {
    let ancestry: readonly EpochOpening[] = [];
    for (let epoch = 1; epoch <= ancestryLimit + 5; epoch += 1) {
      ancestry = extendAncestry(ancestry, { epoch, node: "a", base: null, baseContent: null });
    }

    expect(ancestry).toHaveLength(ancestryLimit);
    expect(ancestry[0]?.epoch).toBe(ancestryLimit + 5);
  });
});

it("writes a lineage as people read it", () => {
  expect(formatLineage(lineage("6.12@a"))).toBe("6.12@a");
});
