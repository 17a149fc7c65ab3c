import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Lasting } from "./lasting.js";

describe("Lasting", () => {
  it("tells for how long something holds, and begins anew after a break", () => {
    const lasting = new Lasting();
    const seen = [
      [0, true],
      [500, true],
      [1_000, false],
      [1_500, true],
      [2_500, true],
    ] as const;

    expect(seen.map(([now, holds]) => lasting.look("x", holds, now))).toEqual([1, 500, 0, 1, 1_000]);
  });

  it("is not ended by a break shorter than `leaveMs`", () => {
    const lasting = new Lasting();
    const seen = [
      [0, true],
      [1_000, false],
      [1_900, false],
      [2_000, true],
      [4_000, false],
    ] as const;

    expect(seen.map(([now, holds]) => lasting.look("x", holds, now, { leaveMs: 2_000 }))).toEqual([
      1, 1, 1, 2_000, 0,
    ]);
  });

  it("keeps what it knew while nothing is known, and lets no time pass by it", () => {
    const lasting = new Lasting();
    const seen = [
      [0, undefined],
      [1_000, true],
      [3_000, true],
      [90_000, undefined],
      [91_000, true],
      [92_000, false],
      [93_000, undefined],
    ] as const;

    expect(seen.map(([now, holds]) => lasting.look("x", holds, now))).toEqual([
      0, 1, 2_000, 2_000, 90_000, 0, 0,
    ]);
  });

  it("goes on from before a restart if it still holds, and is over if it does not", () => {
    const lasting = new Lasting();
    lasting.seed("holds", 60_000, 1_000);
    lasting.seed("over", 60_000, 1_000);
    lasting.seed("unknown", 60_000, 1_000);

    expect(lasting.look("holds", true, 1_500)).toBe(60_500);
    expect(lasting.look("over", false, 1_500)).toBe(0);
    expect(lasting.look("unknown", undefined, 1_500)).toBe(60_000);
  });

  it("lets a figure that flutters around its limit begin once", () => {
    const lasting = new Lasting();
    const band = { enter: 100, leave: 80 };
    const seen = [99, 101, 99, 90, 81, 80, 99].map((value, now) => lasting.band("x", value, now, band) > 0);

    expect(seen).toEqual([false, true, true, true, true, false, false]);
  });

  it("says more than 0 exactly when the condition holds, without breaks to be forgiven", () => {
    fc.assert(
      fc.property(fc.array(fc.boolean()), (looks) => {
        const lasting = new Lasting();
        for (const [now, holds] of looks.entries()) expect(lasting.look("x", holds, now) > 0).toBe(holds);
      }),
    );
  });
});
