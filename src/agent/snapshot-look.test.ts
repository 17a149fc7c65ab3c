import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { Config } from "../config/schema.js";
import { Journal } from "../journal/journal.js";
import { openStore } from "../snapshot/store.js";
import { SnapshotLook, type SnapshotView } from "./snapshot-look.js";
import { Trial } from "./trial.js";

let dir: string;
let journal: Journal;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), "look-"));
  journal = Journal.open(join(dir, "journal.db"), (error) => {
    throw error;
  });
});
afterEach(() => {
  journal.close();
  rmSync(dir, { recursive: true });
});

function look(): Promise<SnapshotView> {
  const config = { node: { state_dir: dir } } as Config;
  return new SnapshotLook({ config, journal, store: openStore(dir), trial: new Trial(journal) }).look();
}

describe("SnapshotLook", () => {
  it("finds nothing on a new node", async () => {
    expect(await look()).toEqual({
      newest: null,
      usable: 0,
      newestUsable: null,
      quarantine: [],
      divergence: null,
    });
  });

  it("names what is in quarantine, oldest first, and repeats no name that is not ours", async () => {
    const names = [
      "0000000009-0000000001-a-20260102T000000000Z",
      "0000000001-0000000001-b-20260103T000000000Z",
      "unknown-20260101T000000000Z-1",
      "\u001b[31mred",
      ".hidden",
    ];
    for (const name of names) mkdirSync(join(dir, "quarantine", name), { recursive: true });

    expect((await look()).quarantine).toEqual([
      "(a name not given by us)",
      "unknown-20260101T000000000Z-1",
      "0000000009-0000000001-a-20260102T000000000Z",
      "0000000001-0000000001-b-20260103T000000000Z",
    ]);
  });

  it("tells the newest trace of a divergence, for a day", async () => {
    journal.addNote("superseded-unshipped", { ours: "6.1@a", theirs: "7.1@b" });
    journal.addNote("local-edit-replaced", { ours: "7.1@b", kept: "/kept/1" });
    journal.addNote("promoted-without-snapshot", {});
    expect((await look()).divergence).toMatchObject({
      kind: "local-edit-replaced",
      ours: "7.1@b",
      theirs: null,
      path: "/kept/1",
    });
    const sides = { ours: "6.1@a", theirs: "7.1@b", live: "theirs" };
    journal.addNote("divergence-report", { ...sides, path: "/report/1" });
    expect((await look()).divergence).toMatchObject({ kind: "report", ...sides, path: "/report/1" });
  });

  it("tells of a report without a note, and points a note to it", async () => {
    const report = (age: number): string => {
      const at = new Date(Date.now() - age).toISOString();
      const name = `${at.replaceAll(":", "-").replace(".", "-")}.json`;
      mkdirSync(join(dir, "divergence"), { recursive: true });
      writeFileSync(join(dir, "divergence", name), "{}");
      return join(dir, "divergence", name);
    };
    report(90_000_000);
    expect((await look()).divergence).toBeNull();
    const path = report(3_600_000);
    expect((await look()).divergence).toMatchObject({ kind: "report", path });
    journal.addNote("divergence", { ours: "6.2@a", theirs: "6.3@b" });
    expect((await look()).divergence).toMatchObject({
      kind: "divergence",
      theirs: "6.3@b",
      live: "ours",
      path,
    });
  });
});
