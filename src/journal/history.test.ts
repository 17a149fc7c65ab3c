import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import Database from "better-sqlite3";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { type HistoryDocument, lastTransition, readHistory, readSince } from "./history.js";
import { readHistoryFile } from "./history-file.js";
import { Journal } from "./journal.js";

describe("history", () => {
  let dir: string;
  let file: string;
  let journal: Journal;

  beforeEach(() => {
    dir = mkdtempSync(join(tmpdir(), "history-"));
    file = join(dir, "journal.db");
    journal = Journal.open(file, (error) => {
      throw error;
    });
    vi.useFakeTimers({ toFake: ["Date"], now: Date.parse("2026-11-21T03:00:00Z") });
  });

  afterEach(() => {
    vi.useRealTimers();
    journal.close();
    rmSync(dir, { recursive: true });
  });

  function pass(seconds: number): void {
    vi.setSystemTime(Date.now() + seconds * 1_000);
  }

  /** A promotion with one failed and one good step, what came of it, and a step outside of it. */
  function promote(): void {
    const id = journal.beginTransition("BACKUP", "MASTER", "devd 9@em0 MASTER");
    if (id !== null) journal.planTransition(id, [["ask-peers"], ["install 5.9@b", "start"]]);
    pass(1);
    journal.addStep(id, { step: "start", outcome: "failed", error: "exit 1", ms: 500 });
    pass(1);
    journal.addStep(id, { step: "start", outcome: "done", ms: 400 });
    if (id !== null) journal.endTransition(id, "done", 2_000);
    pass(1);
    journal.addSnapshot({
      snapshot: "0000000006-0000000001-a",
      event: "shipped",
      peer: "b",
      bytes: 9,
      ms: 8,
    });
    pass(1);
    journal.addNote("divergence", { peer: "b" });
    pass(1);
    journal.addStep(null, { step: "purge", outcome: "done", ms: 0, detail: "3 removed" });
  }

  it("tells newest first what there was, a transition with its steps in order", () => {
    promote();
    const { entries, more, node, since } = readHistory(journal, "a");

    expect({ more, node, since }).toEqual({ more: false, node: "a", since: null });
    expect(entries.map(({ kind }) => kind)).toEqual(["step", "note", "snapshot", "transition"]);
    expect(entries.map(({ at }) => at)).toEqual(
      entries
        .map(({ at }) => at)
        .sort()
        .reverse(),
    );
    expect(entries[0]?.step).toMatchObject({ step: "purge", detail: "3 removed", error: null });
    expect(entries[1]?.note).toEqual({ kind: "divergence", detail: { peer: "b" } });
    expect(entries[2]?.snapshot).toEqual({
      snapshot: "0000000006-0000000001-a",
      event: "shipped",
      peer: "b",
      bytes: 9,
      ms: 8,
      detail: null,
    });
    expect(entries[3]?.transition).toEqual({
      before: "BACKUP",
      role: "MASTER",
      cause: "devd 9@em0 MASTER",
      plan: [["ask-peers"], ["install 5.9@b", "start"]],
      outcome: "done",
      endedAt: "2026-11-21T03:00:02.000Z",
      ms: 2_000,
      steps: [
        {
          at: "2026-11-21T03:00:00.500Z",
          step: "start",
          detail: null,
          outcome: "failed",
          error: "exit 1",
          ms: 500,
        },
        {
          at: "2026-11-21T03:00:01.600Z",
          step: "start",
          detail: null,
          outcome: "done",
          error: null,
          ms: 400,
        },
      ],
      stepsLeftOut: 0,
    });
    for (const entry of entries) {
      expect([entry.transition, entry.step, entry.snapshot, entry.note].filter(Boolean)).toHaveLength(1);
    }
  });

  it("leaves out what was before `since`, and what is more than asked for", () => {
    for (let n = 0; n < 5; n += 1) {
      journal.addNote("note", n);
      pass(60);
    }
    const numbers = (document: HistoryDocument): unknown[] =>
      document.entries.map(({ note }) => note?.detail);

    expect(numbers(readHistory(journal, "a", { since: "2026-11-21T03:02:00.000Z" }))).toEqual([4, 3, 2]);
    expect(numbers(readHistory(journal, "a", { since: "2026-11-21T04:03:00+01:00" }))).toEqual([4, 3]);
    const two = readHistory(journal, "a", { limit: 2 });
    expect({ numbers: numbers(two), more: two.more }).toEqual({ numbers: [4, 3], more: true });
    expect(readHistory(journal, "a", { limit: 5 }).more).toBe(false);
    expect(readHistory(journal, "a", { limit: 0 }).entries).toHaveLength(1);
  });

  it("stays within a size, whatever there is", () => {
    for (let n = 0; n < 300; n += 1) {
      const id = journal.beginTransition("unknown", "MASTER", "start");
      for (let step = 0; step < 5; step += 1)
        journal.addStep(id, { step: `try-${step}`, outcome: "failed", error: "x".repeat(10_000), ms: 1 });
      journal.addSnapshot({ snapshot: "s", event: "refused", detail: "y".repeat(100_000) });
      journal.addNote("big", "z".repeat(15_000));
    }
    pass(1);
    journal.addNote("huge", "z".repeat(1_000_000));
    const document = readHistory(journal, "a", { limit: 10_000 });

    expect(JSON.stringify(document).length).toBeLessThan(3 * 1024 * 1024);
    expect(document.entries.length).toBeGreaterThan(100);
    expect(document.more).toBe(true);
    expect(document.entries.find(({ note }) => note?.kind === "huge")?.note?.detail).toEqual({
      leftOut: "1000002 characters",
    });
  });

  it("tells of a transition of 300 steps the newest, and how many more there were", () => {
    const id = journal.beginTransition("unknown", "MASTER", "start");
    for (let n = 0; n < 300; n += 1) journal.addStep(id, { step: `try-${n}`, outcome: "failed", ms: 1 });
    const [entry] = readHistory(journal, "a").entries;

    expect(entry?.transition?.steps.map(({ step }) => step).slice(-2)).toEqual(["try-298", "try-299"]);
    expect((entry?.transition?.steps.length ?? 0) + (entry?.transition?.stepsLeftOut ?? 0)).toBe(300);
    expect(entry?.transition?.stepsLeftOut).toBeGreaterThan(200);
  });

  it("is the same from the file while the agent has it open, and without an agent", () => {
    promote();
    expect(readHistoryFile(file, "a", {})).toEqual(readHistory(journal, "a"));
    journal.close();
    expect(readHistoryFile(file, "a", {}).entries).toHaveLength(4);
    journal = Journal.open(file, () => undefined);
  });

  it("is read from a file that a version without plans has left", () => {
    promote();
    journal.close();
    const db = new Database(file);
    db.exec("ALTER TABLE transitions DROP COLUMN plan; PRAGMA user_version = 1");
    db.close();
    const [, , , entry] = readHistoryFile(file, "a", {}).entries;
    expect(entry?.transition).toMatchObject({ role: "MASTER", plan: null });

    journal = Journal.open(file, (error) => {
      throw error;
    });
    expect(readHistory(journal, "a").entries[3]?.transition).toEqual(entry?.transition);
    const id = journal.beginTransition("MASTER", "BACKUP", "timer");
    if (id !== null) journal.planTransition(id, [["release"]]);
    expect(readHistory(journal, "a").entries[0]?.transition?.plan).toEqual([["release"]]);
  });

  it("knows the last transition, and that none ever was", () => {
    expect(lastTransition(journal)).toBeNull();
    promote();
    const [at, ms] = ["2026-11-21T03:00:00.000Z", 2_000];
    const expected = {
      at,
      before: "BACKUP",
      role: "MASTER",
      cause: "devd 9@em0 MASTER",
      outcome: "done",
      ms,
    };
    expect(lastTransition(journal)).toEqual(expected);
    journal.beginTransition("MASTER", "BACKUP", "timer");
    expect(lastTransition(journal)).toMatchObject({ role: "BACKUP", outcome: null, ms: null });
    journal.endInterrupted();
    expect(lastTransition(journal)).toMatchObject({ role: "BACKUP", outcome: "interrupted", ms: null });
    expect(readHistory(journal, "a").entries.at(-1)?.transition?.outcome).toBe("done");
  });

  it("says which file cannot be read", () => {
    expect(() => readHistoryFile(join(dir, "none.db"), "a", {})).toThrow(
      /none\.db: the journal cannot be read/,
    );
  });

  it("lets no question change anything", () => {
    expect(() => journal.query("DELETE FROM notes")).toThrow("Not a question");
    const db = new Database(file, { readonly: true });
    expect(db.prepare("SELECT count(*) AS n FROM notes").get()).toEqual({ n: 0 });
    db.close();
  });
});

describe("readSince", () => {
  it.each([
    ["2026-11-21", "2026-11-21T00:00:00.000Z"],
    ["2026-11-21T03:00Z", "2026-11-21T03:00:00.000Z"],
    ["2026-11-21T03:00:01+01:00", "2026-11-21T02:00:01.000Z"],
  ])("reads %s", (text, time) => expect(readSince(text)).toBe(time));

  it("reads a duration as so long ago", () => {
    const ms = Date.now() - Date.parse(readSince("24h") ?? "");
    expect(Math.abs(ms - 86_400_000)).toBeLessThan(10_000);
  });

  it.each(["", "yesterday", "24", "2026-11-21T03:00", "2026-13-40", "99999999999d", "1970", "-1h"])(
    "refuses %j",
    (text) => expect(readSince(text)).toBeUndefined(),
  );
});
