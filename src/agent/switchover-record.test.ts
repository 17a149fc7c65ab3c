import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it } from "vitest";
import { Journal } from "../journal/journal.js";
import { SwitchoverRecord } from "./switchover-record.js";

it("ends a switchover though the journal cannot be written any more, and tells that", () => {
  const dir = mkdtempSync(join(tmpdir(), "record-"));
  const troubles: unknown[] = [];
  const file = join(dir, "journal.db");
  const journal = Journal.open(file, (error) => troubles.push(error));
  const view = { id: "0123abcd", from: "a", to: "b", since: "2026-01-01T00:00:00.000Z" };
  const record = new SwitchoverRecord(journal);
  record.begin(view);
  journal.close();
  record.end();
  expect(record.current).toBeNull();
  expect(troubles).toHaveLength(1);

  const next = Journal.open(file, () => {});
  expect(new SwitchoverRecord(next).leftover).toEqual(view);
  next.close();
  rmSync(dir, { recursive: true });
});
