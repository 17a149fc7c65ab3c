import { expect, it } from "vitest";
import { snapshotId } from "./manifest.js";
import { type PeerHoldings, sideBySide } from "./side-by-side.js";
import type { Box, StoredSnapshot } from "./store.js";

function at(epoch: number, sequence: number, node: string, box: Box): StoredSnapshot {
  const lineage = { epoch, sequence, node };
  const id = snapshotId(lineage);
  return { id, lineage, box, dir: `/state/${box}/${id}` };
}

function peer(name: string, holds: StoredSnapshot[] | null, cut = false): PeerHoldings {
  return { name, holds, cut, error: holds === null ? "away" : null };
}

const stored = [at(5, 1, "b", "inbox"), at(6, 1, "a", "outbox"), at(6, 2, "a", "outbox")];

it("tells each once, newest first, with where it is", () => {
  const theirs = [at(6, 1, "a", "inbox"), at(5, 2, "b", "outbox"), at(5, 1, "b", "outbox")];
  const { rows, older } = sideBySide(stored, [peer("b", theirs), peer("c", null)], 10);
  expect(rows.map(({ id, stored: here, peers }) => [id, here?.box ?? "none", ...peers])).toEqual([
    [snapshotId({ epoch: 6, sequence: 2, node: "a" }), "outbox", "none", "unknown"],
    [snapshotId({ epoch: 6, sequence: 1, node: "a" }), "outbox", "inbox", "unknown"],
    [snapshotId({ epoch: 5, sequence: 2, node: "b" }), "none", "outbox", "unknown"],
    [snapshotId({ epoch: 5, sequence: 1, node: "b" }), "inbox", "outbox", "unknown"],
  ]);
  expect(older).toBe(0);
});

it("counts what it leaves out", () => {
  expect(sideBySide(stored, [], 2)).toMatchObject({
    older: 1,
    rows: [{ stored: stored[2] }, { stored: stored[1] }],
  });
});

it("does not say of a peer that it lacks what it was not asked about", () => {
  const { rows } = sideBySide(stored, [peer("b", [at(6, 2, "a", "inbox")], true)], 10);
  expect(rows.map(({ peers }) => peers[0])).toEqual(["inbox", "unknown", "unknown"]);
});

it("keeps two nodes' snapshots of one lineage apart", () => {
  const { rows } = sideBySide([at(6, 1, "a", "outbox")], [peer("b", [at(6, 1, "b", "outbox")])], 10);
  expect(rows.map(({ stored: here, peers }) => [here?.box ?? "none", ...peers])).toEqual([
    ["outbox", "none"],
    ["none", "outbox"],
  ]);
});
