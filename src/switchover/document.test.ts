import { expect, it } from "vitest";
import { readSwitchover } from "./document.js";
import { Progress } from "./progress.js";
import { planSwitchover } from "./steps.js";
import { pairNow } from "./test-pair.js";

function told(): Record<string, unknown> {
  const progress = new Progress("0123abcd", "a", "b");
  progress.plan(planSwitchover(pairNow()));
  progress.begin("check");
  progress.refusals([{ code: "x", sentence: "It is not.", todo: "Wait.", canForce: true }], []);
  return JSON.parse(JSON.stringify(progress.document())) as Record<string, unknown>;
}

it("reads what a peer tells, and leaves out what a newer version adds", () => {
  const document = told();
  expect(readSwitchover(document)).toEqual(document);
  expect(readSwitchover({ ...document, more: 1 })).toEqual(document);
});

const [step] = told().steps as Record<string, unknown>[];

it.each([
  ["nothing", null],
  ["an id that is none", { ...told(), id: "../../x" }],
  ["a state that never ends", { ...told(), state: "\u001b[2Jrunning" }],
  [
    "a step's state that writes on the terminal",
    { ...told(), steps: [{ ...step, state: "\u001b]0;x\u0007" }] },
  ],
  ["a duration that is a text", { ...told(), ms: "\u001b[2J" }],
  ["more steps than there are", { ...told(), steps: Array.from({ length: 65 }, () => step) }],
  ["no steps", { ...told(), steps: undefined }],
  ["a text without end", { ...told(), error: "x".repeat(5_000) }],
])("takes no %s from a peer", (_, document) => {
  expect(readSwitchover(document)).toBeNull();
});
