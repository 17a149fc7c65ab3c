import { describe, expect, it } from "vitest";
import { compareMariadb } from "./gtid/compare-mariadb.js";
import { type FoundLogs, findInLogs, type LogLimits, type LogSource, usualLimits } from "./report-logs.js";

type Files = Readonly<
  Record<string, { readonly head: string | undefined; readonly gtids: readonly string[] }>
>;

/** Files of a server in memory: what was logged before each, and what is in it. 10 bytes for each transaction. */
class MemoryLogs implements LogSource {
  readonly read: string[] = [];
  readonly #files: Files;

  constructor(files: Files) {
    this.#files = files;
  }

  async list() {
    return Object.keys(this.#files).map((name) => ({ name, size: 100 }));
  }

  async head(name: string) {
    return this.#files[name]?.head;
  }

  async *transactions(name: string, mayGoOn: (events: number) => boolean) {
    this.read.push(name);
    for (const [index, gtid] of (this.#files[name]?.gtids ?? []).entries()) {
      if (!mayGoOn(1)) return;
      yield { gtid, begin: 10 * index + 4, end: 10 * index + 14 };
    }
  }
}

const strict = { logBin: true, strict: true, slavePos: "" };
/** 0-1-101 to 0-1-104 are on the old one only. */
const { matcher } = compareMariadb(
  { ...strict, serverId: 1, binlogState: "0-1-104,7-3-2", binlogPos: "0-1-104,7-3-2" },
  { ...strict, serverId: 2, binlogState: "0-1-100,7-3-9", binlogPos: "0-1-100,7-3-9" },
);

const files = {
  "b.1": { head: "[]", gtids: ["0-1-99"] },
  "b.2": { head: "[0-1-99]", gtids: ["0-1-100", "0-1-101", "7-3-1", "0-1-102"] },
  "b.3": { head: "[0-1-102,7-3-1]", gtids: ["7-3-2"] },
  "b.4": { head: "[0-1-102,7-3-2]", gtids: ["0-1-103", "0-1-104"] },
  "b.5": { head: "[0-1-104,7-3-2]", gtids: [] },
};

function find(
  source: LogSource,
  limits: Partial<LogLimits> = {},
  now: () => number = () => 0,
): Promise<FoundLogs> {
  return findInLogs(source, matcher, now, { ...usualLimits, ...limits });
}

describe("findInLogs", () => {
  it("finds them, oldest first, and reads neither what cannot hold any nor further back than needed", async () => {
    const source = new MemoryLogs(files);
    const found = await find(source);
    expect(found).toMatchObject({ transactions: 4, complete: true, why: [] });
    expect(found.gtids).toEqual(["0-1-101", "0-1-102", "0-1-103", "0-1-104"]);
    expect(found.files).toEqual([
      {
        name: "b.2",
        size: 100,
        first: { gtid: "0-1-101", position: 14, end: 24 },
        last: { gtid: "0-1-102", position: 34, end: 44 },
        transactions: 2,
        others: 1,
        scanned: true,
      },
      {
        name: "b.4",
        size: 100,
        first: { gtid: "0-1-103", position: 4, end: 14 },
        last: { gtid: "0-1-104", position: 14, end: 24 },
        transactions: 2,
        others: 0,
        scanned: true,
      },
    ]);
    expect(source.read).toEqual(["b.5", "b.4", "b.2"]);
  });

  it("counts as in between what a reader comes across between two files", async () => {
    const more = { ...files, "b.2": { ...files["b.2"], gtids: ["0-1-100", "0-1-101", "0-1-102", "7-3-1"] } };
    expect((await find(new MemoryLogs(more))).files.map(({ others }) => others)).toEqual([1, 0]);
  });

  it("says that older files are purged", async () => {
    const { "b.1": _, "b.2": __, ...left } = files;
    const found = await find(new MemoryLogs(left));
    expect(found).toMatchObject({ transactions: 2, complete: false });
    expect(found.why.join()).toContain("purged");
  });

  it.each([
    ["events", { events: 3 }],
    ["files", { files: 2 }],
  ])("says that it gave up: too many %s", async (_, limits) => {
    const found = await find(new MemoryLogs(files), limits);
    expect(found.complete).toBe(false);
    expect(found.why.join()).toContain("given up");
    expect(found.why.join()).not.toContain("purged");
  });

  it("says that it gave up for want of time, and keeps what it has", async () => {
    let time = 0;
    const found = await find(new MemoryLogs(files), { ms: 5 }, () => time++);
    expect(found.complete).toBe(false);
    expect(found.why.join()).toContain("given up");
  });

  it("reads a file that does not tell what was before it, and goes on", async () => {
    const found = await find(new MemoryLogs({ ...files, "b.4": { ...files["b.4"], head: undefined } }));
    expect(found).toMatchObject({ transactions: 4, complete: false });
    expect(found.why.join()).toContain("b.4 does not tell");
  });

  it("names at most so many, and counts all", async () => {
    const found = await find(new MemoryLogs(files), { listed: 3 });
    expect([found.gtids.length, found.transactions]).toEqual([3, 4]);
  });
});
