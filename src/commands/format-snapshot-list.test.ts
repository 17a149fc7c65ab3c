import { expect, it } from "vitest";
import { formatList, type ListDocument, type ListedRow } from "./format-snapshot-list.js";

function row(epoch: number, change: Partial<ListedRow> = {}): ListedRow {
  const lineage = { epoch, sequence: 1, node: "a" };
  return {
    id: `000000000${epoch}-0000000001-a`,
    lineage: { ...lineage, text: `${epoch}.1@a` },
    node: "a",
    takenAt: "2026-11-21T10:02:07.847Z",
    bytes: 14_540,
    databaseBytes: 221_184,
    restoredFrom: null,
    damaged: null,
    here: "outbox",
    peers: { b: "inbox" },
    running: false,
    doubted: false,
    newest: false,
    ...change,
  };
}

function list(change: Partial<ListDocument> = {}): string {
  return formatList({
    schema: "proxysql-carp/snapshots/v1",
    at: "2026-11-21T10:02:08.000Z",
    node: "a",
    agent: null,
    running: "6.1@a",
    peers: [{ name: "b", listed: 2, cut: false, error: null }],
    here: 2,
    snapshots: [row(6, { running: true, newest: true }), row(5)],
    older: 0,
    ...change,
  });
}

it("has a column for each node, and says what is special of one", () => {
  expect(list()).toBe(
    [
      "LINEAGE  TAKEN                     SIZE  a       b",
      "6.1@a    2026-11-21 10:02:07Z  14.2 KiB  outbox  inbox  running, newest",
      "5.1@a    2026-11-21 10:02:07Z  14.2 KiB  outbox  inbox",
      "",
    ].join("\n"),
  );
});

it("tells what is not known, where one is missing, and what one restores", () => {
  const snapshots = [
    row(6, { restoredFrom: "0000000003-0000000002-b" }),
    row(5, { here: "none", takenAt: null, bytes: null, peers: { b: "unknown" } }),
    row(4, { damaged: "manifest-invalid", doubted: true }),
  ];
  const peers = [{ name: "b", listed: null, cut: false, error: 'Peer "b" is not\u001b[2J connected.' }];
  const text = list({ snapshots, peers, older: 7, running: "9.1@b", agent: "No agent answers." });
  expect(text).toContain("restores 3.2@b");
  expect(text).toMatch(/^5\.1@a +- +- {2}- +\?$/m);
  expect(text).toContain("doubted, damaged");
  expect(text).toContain("and 7 older: --limit N or --all lists them");
  expect(text).toContain("a runs 9.1@b");
  expect(text).toContain("not known: No agent answers.");
  expect(text).toContain("b could not be asked");
  expect(text).not.toContain("\u001b");
});

it("says that there is none", () => {
  expect(list({ snapshots: [], running: null })).toBe("no snapshots\n");
});

it("cuts a long name of a peer in its head, so that the columns stay below each other", () => {
  const name = "a-host-with-a-very-long-name";
  const peers = [{ name, listed: 0, cut: false, error: null }];
  const [head, first] = list({ peers, snapshots: [row(6, { peers: { [name]: "none" } })] }).split("\n");
  expect(head).toContain("a-host-with~");
  expect(first?.indexOf("-", 40)).toBe(head?.indexOf("a-host-with~"));
});
