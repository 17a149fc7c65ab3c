import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { Journal } from "../journal/journal.js";
import type { Lineage, Ranked } from "../role/lineage.js";
import { bootIdentity } from "./boot.js";
import { Maintenance } from "./maintenance.js";
import { Trial } from "./trial.js";

function ranked(sequence: number, epoch = 5): Ranked {
  return { lineage: { epoch, sequence, node: "a" }, ancestry: [], content: `${epoch}.${sequence}` };
}

function lineage(sequence: number, epoch = 5): Lineage {
  return ranked(sequence, epoch).lineage;
}

let dir: string;
let journal: Journal;

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), "trial-"));
  journal = Journal.open(join(dir, "journal.db"), () => {});
});

afterEach(() => {
  journal.close();
  rmSync(dir, { recursive: true });
});

describe("Trial", () => {
  function fail(trial: Trial, sequence: number, running: Ranked): Ranked | null | undefined {
    trial.begin(ranked(sequence), running);
    trial.failed("it dies");
    return trial.reject()?.before;
  }

  it("falls back to what was proven, not to another one that was not", () => {
    const trial = new Trial(journal);
    trial.begin(ranked(2), ranked(1));
    trial.keptAt("/kept/1");
    // Cold standby: the next one comes before the first was ever started.
    trial.begin(ranked(3), ranked(2));
    trial.keptAt("/kept/2");
    trial.failed("it dies");

    const again = new Trial(journal);
    expect(again.current).toMatchObject({ failures: 1, why: "it dies" });
    expect(again.reject()?.before).toEqual(ranked(1));
    expect(again.displaced).toEqual({ kept: "/kept/1" });
    expect(again.allows(lineage(3))).toBe(false);
    expect(again.allows(lineage(2))).toBe(true);
  });

  it("keeps what was there at first through the whole chain", () => {
    const trial = new Trial(journal);
    trial.begin(ranked(3), ranked(1));
    trial.keptAt("/kept/1");
    trial.reject();
    expect(fail(trial, 2, ranked(1))).toEqual(ranked(1));
    expect(trial.displaced).toEqual({ kept: "/kept/1" });
  });

  it("lets no more than three fail, and then only newer ones have a chance", () => {
    const trial = new Trial(journal);
    for (const sequence of [9, 8, 7]) fail(trial, sequence, ranked(1));
    expect([6, 7, 8, 9, 10].filter((sequence) => trial.allows(lineage(sequence)))).toEqual([10]);
    trial.exonerate();
    expect(trial.doubts()).toEqual([]);
    expect(trial.allows(lineage(9))).toBe(true);
  });

  it("forgets doubts about older ones once a newer one is served", () => {
    const trial = new Trial(journal);
    fail(trial, 9, ranked(1));
    trial.begin(ranked(8), ranked(1));
    trial.proven(ranked(1));
    expect(trial.current).not.toBeNull();
    trial.proven(ranked(8));
    expect(trial.doubts().map(({ id }) => id)).toEqual(["0000000005-0000000009-a"]);
    trial.begin(ranked(10), ranked(8));
    trial.proven(ranked(10));
    expect(trial.doubts()).toEqual([]);
    expect(trial.current).toBeNull();
  });

  it("gives doubted ones a second try, and no third, once a ProxySQL serves that had failed without them", () => {
    const trial = new Trial(journal);
    fail(trial, 9, ranked(1));
    // Its files are there still, so that tells nothing new.
    trial.unproven("it dies again", ranked(1));
    trial.begin(ranked(1), ranked(1));
    // It serves what was there before: the snapshot was to blame.
    expect(trial.unsure).toBe(false);
    trial.proven(ranked(1));
    expect(trial.allows(lineage(9))).toBe(false);
    trial.unproven("the program is broken", ranked(1));
    expect(new Trial(journal).unsure).toBe(true);
    trial.proven(ranked(1));
    expect(trial.unsure).toBe(false);
    expect(trial.allows(lineage(9))).toBe(true);

    fail(trial, 9, ranked(1));
    trial.begin(ranked(1), ranked(1));
    trial.unproven("it is slow today", ranked(1));
    expect(trial.unsure).toBe(false);
    expect(new Trial(journal).allows(lineage(9))).toBe(false);
  });

  it("is unsure of those before when one fails that is proven after all", () => {
    const trial = new Trial(journal);
    fail(trial, 9, ranked(1));
    trial.begin(ranked(8), ranked(1));
    trial.unproven("the program is broken", ranked(8));
    trial.proven(ranked(8));
    expect(trial.current).toBeNull();
    expect(trial.allows(lineage(9))).toBe(true);
  });

  it("blames one in its place only", () => {
    const trial = new Trial(journal);
    trial.begin(ranked(4), ranked(1));
    trial.unproven("it dies", ranked(1));
    expect(trial.current?.failures).toBe(0);
    trial.unproven("it dies", ranked(4));
    expect(trial.current?.failures).toBe(1);
  });

  it("does not fall back to what was there long ago, before one that never got into its place", () => {
    const trial = new Trial(journal);
    trial.begin(ranked(4), ranked(1));
    trial.keptAt("/kept/1");
    // The process ended; the node has led and been passive again since then.
    expect(trial.isStale(ranked(1))).toBe(false);
    expect(trial.isStale(ranked(50, 6))).toBe(true);
    trial.begin(ranked(1, 7), ranked(50, 6));
    trial.failed("it dies");
    expect(trial.current).toMatchObject({ before: ranked(50, 6), kept: null });
  });

  it("is none when what runs is put back once more", () => {
    const trial = new Trial(journal);
    trial.begin(ranked(4), ranked(4));
    expect(trial.current).toBeNull();
  });
});

describe("Maintenance", () => {
  it("survives a restart, and keeps since when", () => {
    const before = new Maintenance(journal).on("new disks", false);
    const maintenance = new Maintenance(journal);
    expect(maintenance.view()).toEqual(before);
    expect(maintenance.on(undefined, true)).toEqual({ ...before, forcePromotion: true });
    maintenance.off();
    expect(new Maintenance(journal).view()).toBeNull();
  });

  it("does not take a record that it cannot read for being off", () => {
    journal.write({ maintenance: { on: "perhaps" } });
    expect(() => new Maintenance(journal)).toThrow("maintenance cannot be understood");
  });
});

describe("bootIdentity", () => {
  it("is the same until the run directory was emptied or the uptime went back", async () => {
    const first = await bootIdentity(dir, 1_000);
    expect(await bootIdentity(dir, 2_000)).toBe(first);
    const second = await bootIdentity(dir, 30);
    expect(second).not.toBe(first);
    rmSync(join(dir, "boot.json"));
    expect(await bootIdentity(dir, 40)).not.toBe(second);
  });
});
