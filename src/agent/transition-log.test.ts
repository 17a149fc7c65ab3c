import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { type HistoryTransition, readHistory } from "../journal/history.js";
import { Journal } from "../journal/journal.js";
import type { Logger } from "../platform/log.js";
import type { Step } from "../role/step.js";
import { ranked } from "../role/test-observed.js";
import { TransitionLog } from "./transition-log.js";

const log = { info: () => undefined, error: () => undefined } as unknown as Logger;
let dir: string;
let journal: Journal;

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), "transition-log-"));
  journal = Journal.open(join(dir, "journal.db"), (error) => {
    throw error;
  });
});

afterEach(() => {
  journal.close();
  rmSync(dir, { recursive: true });
});

function transitions(): (HistoryTransition | null)[] {
  return readHistory(journal, "a").entries.map(({ transition }) => transition);
}

it("keeps what was planned, look by look, each plan once in a row", () => {
  const transition = new TransitionLog(journal, log);
  const theirs = ranked(6, 1, "b");
  const bring: Step[] = [{ kind: "fetch", peer: "b", ranked: theirs }];
  transition.planned([{ kind: "ship" }]);
  transition.begin("BACKUP", "MASTER", "timer");
  transition.planned([{ kind: "ask-peers" }]);
  transition.planned(bring);
  transition.planned(bring);
  transition.planned([
    { kind: "install", ranked: theirs, reportLoss: false },
    { kind: "start" },
    { kind: "demote", why: "unready" },
  ]);
  transition.planned([]);
  transition.finish();
  transition.planned([{ kind: "ship" }]);

  expect(transitions()).toMatchObject([
    {
      outcome: "done",
      plan: [["ask-peers"], ["fetch 6.1@b from b"], ["install 6.1@b", "start", "demote (unready)"]],
    },
  ]);
});

it("keeps the first plans of a transition that comes to no end", () => {
  const transition = new TransitionLog(journal, log);
  transition.begin("BACKUP", "MASTER", "timer");
  for (let n = 0; n < 1_000; n += 1) transition.planned([{ kind: n % 2 === 0 ? "start" : "halt" }]);

  const plan = transitions()[0]?.plan;
  expect(plan?.slice(0, 3)).toEqual([["start"], ["halt"], ["start"]]);
  expect(plan?.length).toBeLessThan(100);
});

it("tells at the next start of a transition that the agent did not live to end", () => {
  new TransitionLog(journal, log).begin("BACKUP", "MASTER", "timer");
  expect(transitions()).toMatchObject([{ outcome: null, ms: null, plan: null }]);

  const next = new TransitionLog(journal, log);
  next.begin("unknown", "MASTER", "start");
  next.finish();
  expect(transitions()).toMatchObject([
    { before: "unknown", outcome: "done" },
    { before: "BACKUP", outcome: "interrupted", ms: null },
  ]);
});
