import { expect, it } from "vitest";
import { planSwitchover } from "./steps.js";
import { pairNow } from "./test-pair.js";

function names(...now: Parameters<typeof pairNow>): string {
  return planSwitchover(pairNow(...now))
    .map(({ step }) => step)
    .join(" ");
}

it("ships before anything is done, and writes the intent down before clients are sent away", () => {
  expect(names()).toBe("check ship record pause drain demote move prove settle");
});

it("drains nothing of a ProxySQL that does not answer", () => {
  expect(names({ admin: false })).toBe("check ship record demote move prove settle");
});

it("says when the peer has to stop standing aside", () => {
  const demotion = { total: 241, share: 241, why: "switchover" as const };
  const demote = planSwitchover(pairNow({}, { demotion })).find(({ step }) => step === "demote");
  expect(demote?.what).toBe("b stops standing aside, a demotes itself in CARP");
});
