import { expect, it } from "vitest";
import type { HistoryDocument, HistoryEntry, HistoryTransition } from "../journal/history.js";
import type { Colours } from "./colour.js";
import { formatHistory } from "./format-history.js";

const none = { transition: null, step: null, snapshot: null, note: null };
const step = {
  at: "2026-11-21T03:00:01.000Z",
  step: "start",
  detail: null,
  outcome: "failed",
  error: "exit 1",
  ms: 500,
} as const;

function documentOf(entries: HistoryEntry[], more = false): HistoryDocument {
  return {
    schema: "proxysql-carp/history/v1",
    at: "2026-11-21T04:00:00.000Z",
    node: "a",
    since: null,
    entries,
    more,
  };
}

const colours: Colours = {
  good: (text) => `<good>${text}`,
  warn: (text) => `<warn>${text}`,
  bad: (text) => `<bad>${text}`,
  dim: (text) => `<dim>${text}`,
  bold: (text) => `<bold>${text}`,
};

const transition: HistoryTransition = {
  before: "BACKUP",
  role: "MASTER",
  cause: "devd 9@em0 MASTER",
  plan: [["ask-peers"], ["fetch 6.12@b from b"], ["install 6.12@b", "start", "prove", "open-epoch"]],
  outcome: "done",
  endedAt: "2026-11-21T03:00:04.000Z",
  ms: 3_412,
  steps: [step, { ...step, outcome: "done", error: null, detail: "serving after 400 ms", ms: 61_000 }],
  stepsLeftOut: 7,
};

const at = "2026-11-21T03:00:00.000Z";

it("tells each kind, and cause, plan and steps of a transition below it", () => {
  const text = formatHistory(
    documentOf(
      [
        { ...none, at, kind: "note", note: { kind: "divergence", detail: { peer: "b", rows: [1] } } },
        { ...none, at, kind: "step", step: { ...step, outcome: "done", error: null, detail: "3 removed" } },
        {
          ...none,
          at,
          kind: "snapshot",
          snapshot: { snapshot: "s", event: "shipped", peer: "b", bytes: 9, ms: 8, detail: null },
        },
        { ...none, at, kind: "transition", transition },
      ],
      true,
    ),
  );
  expect(text.split("\n")).toEqual([
    "2026-11-21T03:00:00.000Z  note divergence: peer b, rows [1]",
    "2026-11-21T03:00:00.000Z  step start done after 500 ms: 3 removed",
    "2026-11-21T03:00:00.000Z  snapshot s shipped: peer b, 9 bytes, 8 ms",
    "2026-11-21T03:00:00.000Z  transition BACKUP -> MASTER: done after 3.4 s",
    "    cause  devd 9@em0 MASTER",
    "    plan   ask-peers; then fetch 6.12@b from b; then install 6.12@b, start,",
    "           prove, open-epoch",
    "    7 earlier steps",
    "       500 ms  start FAILED: exit 1",
    "        1 min  start done: serving after 400 ms",
    "There is more: see --since and --limit.",
    "",
  ]);
});

it.each([
  [null, "not ended"],
  ["interrupted", "the agent was killed"],
  ["abandoned", "abandoned after 3.4 s"],
] as const)("tells how a transition ended: %s", (outcome, words) => {
  const ended = { ...transition, outcome, plan: null, steps: [], stepsLeftOut: 0 };
  const text = formatHistory(documentOf([{ ...none, at, kind: "transition", transition: ended }]));
  expect(text).toBe(`${at}  transition BACKUP -> MASTER: ${words}\n    cause  devd 9@em0 MASTER\n`);
});

it("marks what failed, and nothing that only takes room", () => {
  const lines = formatHistory(
    documentOf([{ ...none, at, kind: "transition", transition: { ...transition, plan: null } }]),
    colours,
  ).split("\n");
  expect(lines[0]).toMatch(/^<bold>2026/);
  expect(lines[3]).toBe("<bad>       500 ms  start FAILED: exit 1");
  expect(lines.filter((line) => line.startsWith("<"))).toHaveLength(2);
});

it("has no line of more than 80 columns, whatever there is to tell", () => {
  const long = "Something that is told at length ".repeat(30) + "x".repeat(300);
  const text = formatHistory(
    documentOf([
      {
        ...none,
        at,
        kind: "transition",
        transition: {
          ...transition,
          cause: long,
          plan: [[long]],
          steps: [{ ...step, error: long }],
        },
      },
      { ...none, at, kind: "note", note: { kind: "big", detail: long } },
      { ...none, at, kind: "step", step: { ...step, step: long } },
      {
        ...none,
        at,
        kind: "snapshot",
        snapshot: { snapshot: long, event: "refused", peer: long, bytes: 1, ms: 1, detail: long },
      },
    ]),
  );
  const lines = text.split("\n");
  expect(lines.length).toBeGreaterThan(100);
  expect(Math.max(...lines.map((line) => line.length))).toBe(79);
});

it("says so when there is nothing", () => {
  expect(formatHistory(documentOf([]))).toBe("Nothing was done in that time.\n");
});

it("lets no text reach the terminal raw", () => {
  const evil = { ...step, error: "\u001b[2J\nforged" };
  const text = formatHistory(documentOf([{ ...none, at: "1", kind: "step", step: evil }]));
  expect(text).toBe("1  step start FAILED after 500 ms: \\x1b[2J\\nforged\n");
});
