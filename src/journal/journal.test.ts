import { once } from "node:events";
import { mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Worker } from "node:worker_threads";
import Database from "better-sqlite3";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { isKnown } from "../platform/errors.js";
import { Journal } from "./journal.js";

describe("Journal", () => {
  let dir: string;
  let file: string;
  const troubles: unknown[] = [];

  beforeEach(() => {
    dir = mkdtempSync(join(tmpdir(), "journal-"));
    file = join(dir, "journal.db");
    troubles.length = 0;
  });

  afterEach(() => rmSync(dir, { recursive: true }));

  function open(): Journal {
    return Journal.open(file, (error) => troubles.push(error));
  }

  function count(table: string): unknown {
    const db = new Database(file, { readonly: true });
    const row = db.prepare(`SELECT count(*) AS n FROM ${table}`).get();
    db.close();
    return row;
  }

  it("keeps states over a restart, all of a write or none", () => {
    const journal = open();
    journal.write({ node: { leads: 6 }, other: null });
    expect(() => journal.write({ node: { leads: 7 }, loop: 1n })).toThrow(TypeError);
    journal.close();

    const again = open();
    expect(again.read("node")).toEqual({ leads: 6 });
    expect(again.read("never written")).toBeUndefined();
    again.close();
  });

  it("is for its owner's eyes", () => {
    open().close();
    expect(statSync(file).mode & 0o777).toBe(0o600);
  });

  it("finds the last event of a kind, of one peer", () => {
    const journal = open();
    for (const peer of ["b", "c"]) journal.addSnapshot({ snapshot: `to-${peer}`, event: "shipped", peer });

    expect(journal.lastSnapshot("shipped")?.snapshot).toBe("to-c");
    expect(journal.lastSnapshot("shipped", "b")?.snapshot).toBe("to-b");
    expect(journal.lastSnapshot("received")).toBeUndefined();
    journal.close();
  });

  it("tells of a record that it cannot write and goes on, but not of a state", () => {
    const journal = open();
    const other = new Database(file);
    other.exec("DROP TABLE notes; DROP TABLE state");
    other.close();
    journal.addNote("divergence", {});

    expect(troubles).toHaveLength(1);
    expect(() => journal.write({ node: 1 })).toThrow("no such table: state");
    journal.close();
  });

  it.each(["notes", "state"])(
    "knows that it is not writable while %s is gone, and that it is again",
    (table) => {
      const journal = open();
      const put = (): void => {
        if (table === "notes") journal.addNote("divergence", {});
        else ends(() => journal.write({ node: 1 }));
      };
      const other = new Database(file);
      other.exec(`ALTER TABLE ${table} RENAME TO away`);
      put();
      expect(journal.writable).toBe(false);
      other.exec(`ALTER TABLE away RENAME TO ${table}`);
      other.close();
      put();
      expect(journal.writable).toBe(true);
      journal.close();
    },
  );

  it("waits a moment for another process that locks it, then goes on without", () => {
    const journal = open();
    const other = new Database(file);
    other.exec("BEGIN IMMEDIATE");
    const began = performance.now();
    expect(() => journal.write({ node: 1 })).toThrow(/journal.db: the journal cannot be written: .* locked/);
    expect(performance.now() - began).toBeGreaterThan(100);
    // SQLite for Node would have waited 5 s for each of them.
    for (let n = 0; n < 50; n += 1) journal.addNote("note", n);
    expect(performance.now() - began).toBeLessThan(4_000);
    expect([journal.writable, troubles.length]).toEqual([false, 50]);
    journal.probe();
    expect(journal.writable).toBe(false);
    other.exec("ROLLBACK");

    journal.probe();
    expect(journal.writable).toBe(true);
    journal.addNote("note", "now");
    expect(count("notes")).toEqual({ n: 1 });
    other.exec("BEGIN IMMEDIATE");
    const again = performance.now();
    journal.addNote("note", "and it waits again");
    expect(performance.now() - again).toBeGreaterThan(100);
    other.close();
    journal.close();
  });

  it("has its turn after somebody else's short write", async () => {
    const journal = open();
    const other = new Worker(
      `const { workerData, parentPort } = require("node:worker_threads");
       const db = new (require("better-sqlite3"))(workerData);
       db.exec("BEGIN IMMEDIATE; INSERT INTO state VALUES ('theirs', '1')");
       parentPort.postMessage("locked");
       setTimeout(() => { db.exec("COMMIT"); db.close(); }, 50);`,
      { eval: true, workerData: file },
    );
    await once(other, "message");
    journal.write({ ours: 2 });
    expect([journal.read("theirs"), journal.read("ours")]).toEqual([1, 2]);
    await once(other, "exit");
    journal.close();
  });

  it("forgets the oldest records", () => {
    const journal = open();
    for (let n = 0; n < 2_010; n += 1) journal.addNote("note", n);
    journal.close();
    open().close();

    expect(count("notes")).toEqual({ n: 2_000 });
  });

  it.each([
    ["no database", Buffer.from("not a database at all, but long enough to be looked at".repeat(30))],
    ["of a newer version", undefined],
  ])("refuses a file that is %s, by name", (_, bytes) => {
    if (bytes) writeFileSync(file, bytes);
    else {
      const db = new Database(file);
      db.pragma("user_version = 99");
      db.close();
    }
    try {
      open();
      expect.unreachable();
    } catch (error) {
      expect(isKnown(error, "state-damaged")).toBe(true);
      expect(String(error)).toContain(file);
    }
  });
});

/** Ends well or not: what is left of it is looked at. */
function ends(work: () => void): boolean {
  try {
    work();
    return true;
  } catch {
    return false;
  }
}
