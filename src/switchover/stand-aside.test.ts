import { describe, expect, it } from "vitest";
import { type MasterSide, mustStandAside, type OwnSide } from "./stand-aside.js";

function skewed(advskew: number | null): { vhid: string; advskew: number | null; advbase: number }[] {
  return [{ vhid: "9@em0", advskew, advbase: 1 }];
}

const preferred: OwnSide = { vhids: skewed(0), preempt: true };
const master: MasterSide = { role: "MASTER", share: 0, vhids: skewed(100) };

describe("the share of a switchover", () => {
  it("stays where this node would preempt the new master", () => {
    expect(mustStandAside(preferred, [master])).toBe(true);
  });

  it("is needed no more where it would not", () => {
    expect(mustStandAside({ ...preferred, preempt: false }, [master])).toBe(false);
    expect(mustStandAside({ ...preferred, vhids: skewed(200) }, [master])).toBe(false);
    expect(mustStandAside({ ...preferred, vhids: skewed(100) }, [master])).toBe(false);
  });

  it("goes when the new master has demoted itself: it wants to be relieved", () => {
    expect(mustStandAside(preferred, [{ ...master, share: 241 }])).toBe(false);
  });

  it("stays while it is not known who is MASTER, or how anybody is skewed", () => {
    expect(mustStandAside(preferred, [])).toBe(true);
    expect(mustStandAside(preferred, [{ ...master, role: "unknown" }])).toBe(true);
    expect(mustStandAside({ ...preferred, vhids: skewed(200) }, [{ ...master, vhids: null }])).toBe(true);
    expect(mustStandAside({ vhids: skewed(null), preempt: null }, [master])).toBe(true);
  });

  it("counts whole seconds before skews", () => {
    const slow = [{ vhid: "9@em0", advskew: 0, advbase: 2 }];
    expect(mustStandAside({ vhids: slow, preempt: true }, [{ ...master, vhids: skewed(200) }])).toBe(false);
  });
});
