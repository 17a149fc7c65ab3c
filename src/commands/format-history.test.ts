import { expect, it } from "vitest";
import type { HistoryDocument, HistoryEntry } from "../journal/history.js";
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

it("tells each kind in a line, and the steps of a transition below it", () => {
  const text = formatHistory(
    documentOf(
      [
        { ...none, at: "4", kind: "note", note: { kind: "divergence", detail: { peer: "b" } } },
        {
          ...none,
          at: "3",
          kind: "step",
          step: { ...step, outcome: "done", error: null, detail: "3 removed" },
        },
        {
          ...none,
          at: "2",
          kind: "snapshot",
          snapshot: { snapshot: "s", event: "shipped", peer: "b", bytes: 9, ms: 8, detail: null },
        },
        {
          ...none,
          at: "1",
          kind: "transition",
          transition: {
            before: "BACKUP",
            role: "MASTER",
            cause: "devd 9@em0 MASTER",
            outcome: null,
            endedAt: null,
            ms: null,
            steps: [step],
            stepsLeftOut: 7,
          },
        },
      ],
      true,
    ),
  );
  expect(text.split("\n")).toEqual([
    '4  note        divergence {"peer":"b"}',
    "3  step        start done in 500 ms: 3 removed",
    "2  snapshot    s shipped: peer b, 9 bytes, 8 ms",
    "1  transition  BACKUP -> MASTER (devd 9@em0 MASTER): not ended",
    "    7 earlier steps",
    "    start failed in 500 ms: exit 1",
    "There is more: see --since and --limit.",
    "",
  ]);
});

it("says so when there is nothing", () => {
  expect(formatHistory(documentOf([]))).toBe("Nothing was done in that time.\n");
});

it("lets no text reach the terminal raw", () => {
  const evil = { ...step, error: "\u001b[2J\nforged" };
  const text = formatHistory(documentOf([{ ...none, at: "1", kind: "step", step: evil }]));
  expect(text).toBe("1  step        start failed in 500 ms: \\x1b[2J\\nforged\n");
});
