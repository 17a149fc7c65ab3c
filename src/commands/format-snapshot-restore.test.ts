import { expect, it } from "vitest";
import type { TableDifference } from "../snapshot/difference.js";
import { type RestoreDocument, resultLines, whatWouldBe } from "./format-snapshot-restore.js";

function table(rows: number, change: "added" | "removed" = "removed"): TableDifference {
  return {
    table: "mysql_servers",
    in: "both",
    key: ["hostname"],
    added: change === "added" ? rows : 0,
    removed: change === "removed" ? rows : 0,
    changed: 0,
    columnsOnlyInA: [],
    columnsOnlyInB: [],
    rows: Array.from({ length: rows }, (_, n) => ({
      change,
      key: { hostname: `db${n}\u001b]0;x\u0007` },
      row: { comment: "c" },
      columns: [],
      local: false,
    })),
    omitted: 0,
  };
}

function document(change: Partial<RestoreDocument> = {}): RestoreDocument {
  return {
    schema: "proxysql-carp/restore/v1",
    snapshot: "0000000005-0000000009-a",
    lineage: { epoch: 5, sequence: 9, node: "a", text: "5.9@a" },
    dryRun: false,
    refused: null,
    secrets: "masked",
    against: "live",
    equal: false,
    tables: [table(2)],
    tls: [],
    unsaved: [],
    result: null,
    ms: 1,
    ...change,
  };
}

const seen = (change: Partial<RestoreDocument> = {}): string => [...whatWouldBe(document(change))].join("");

it("says what gets lost, row by row, within 80 columns, and nothing raw", () => {
  const text = seen({ tables: [table(25), table(1, "added")] });
  expect(text).toContain("mysql_servers: 25 lost");
  expect(text).toContain("  and 5 rows more");
  expect(text).toContain("mysql_servers: 1 back");
  expect(text).toContain("In all: rows lost 25, back 1, changed 0.");
  expect(text).not.toContain("\u001b");
  for (const line of text.split("\n")) expect(line.length).toBeLessThanOrEqual(80);
});

it("warns of what is in no snapshot, and of a refusal", () => {
  expect(seen({ unsaved: [{ table: "mysql_users", rows: 3 }] })).toMatch(/get lost: mysql_users\s\(3\)\./);
  expect(seen({ refused: "This node is BACKUP." })).toContain("It would be refused: This node is BACKUP.");
});

it("says that there is nothing to restore", () => {
  expect(seen({ equal: true, tables: [] })).toBe(
    "Nothing to restore: what ProxySQL runs now is what snapshot 5.9@a has.\n",
  );
});

it("tells what came of it, and how to undo it", () => {
  const result = {
    from: "0000000005-0000000009-a",
    kept: "0000000006-0000000003-a",
    canUndo: true,
    snapshot: "0000000008-0000000001-a",
    epoch: 8,
    peers: [
      { name: "b", has: true, error: null },
      { name: "c", has: false, error: "is away" },
    ],
    ms: 812,
  };
  expect([...resultLines(document({ result }))]).toEqual([
    "Restored 5.9@a in 812 ms: it is served as 8.1@a.\n",
    "Peer b has it.\n",
    "Peer c does not have it yet: is away\n",
    "To undo it: proxysql-carp snapshot restore 6.3@a\n",
  ]);
  const purged = { ...result, canUndo: false };
  expect([...resultLines(document({ result: purged }))].at(-1)).toContain("6.3@a, is purged here");
});
