import { expect, it } from "vitest";
import { Progress } from "./progress.js";

function begun(): Progress {
  const progress = new Progress("1234abcd", "a", "b");
  progress.plan([
    { step: "check", what: "check it" },
    { step: "ship", what: "ship it" },
    { step: "pause", what: "pause it" },
  ]);
  progress.begin("check");
  progress.done("check", "fine");
  return progress;
}

it("keeps what was done when the plan becomes known", () => {
  const progress = begun();
  progress.plan([
    { step: "check", what: "check b" },
    { step: "demote", what: "demote it" },
  ]);
  expect(progress.document().steps.map(({ what, state }) => `${what} ${state}`)).toEqual([
    "check b done",
    "demote it waiting",
  ]);
});

it("tells what was not come to, and what went wrong", () => {
  const progress = begun();
  progress.begin("ship");
  progress.failed("ship", "The disk is full.");
  progress.over("undone");
  const { state, error, steps } = progress.document();
  expect([state, error, steps.map((step) => step.state)]).toEqual([
    "undone",
    "The disk is full.",
    ["done", "failed", "skipped"],
  ]);
});

it("counts the time without service from the first stop to the first sight of service, and not at all before", () => {
  const progress = begun();
  progress.servesAgain();
  expect(progress.document().unservedMs).toBeNull();
  progress.stopsServing();
  progress.servesAgain();
  const first = progress.document().unservedMs;
  progress.servesAgain();
  expect(first).not.toBeNull();
  expect(progress.document().unservedMs).toBe(first);
});

it("stands still once it is over", async () => {
  const progress = begun();
  progress.over("done");
  const { ms } = progress.document();
  await new Promise((resolve) => setTimeout(resolve, 30));
  expect(progress.document().ms).toBe(ms);
});
