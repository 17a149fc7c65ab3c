import { describe, expect, it } from "vitest";
import { isIsolated, kindOfIsolation } from "./isolation.js";

describe("isIsolated", () => {
  it("is not before the grace is over, nor while somebody answers", () => {
    expect(isIsolated({ since: 0, why: "gone" }, 9_999, 10_000)).toBe(false);
    expect(isIsolated({ since: 0, why: "gone" }, 10_000, 10_000)).toBe(true);
    expect(isIsolated({ since: 0, why: null }, 60_000, 10_000)).toBe(false);
  });
});

describe("kindOfIsolation", () => {
  const yes = { answer: 1, of: 2 };
  const no = { answer: 0, of: 2 };
  it.each([
    ["cut-off", true, true, null],
    ["cut-off", true, true, yes],
    ["orchestrator-down", false, true, null],
    ["orchestrator-down", false, true, yes],
    ["unclear", false, true, no],
    ["orchestrator-down", null, false, yes],
    ["cut-off", null, false, no],
    ["unclear", null, true, no],
    ["unclear", null, false, null],
  ] as const)(
    "is %s: peer sees a quorum %s, answers %s, witnesses %o",
    (kind, peerSeesQuorum, peerAnswers, witnesses) => {
      expect(kindOfIsolation({ peerSeesQuorum, peerAnswers, witnesses })).toBe(kind);
    },
  );
});
