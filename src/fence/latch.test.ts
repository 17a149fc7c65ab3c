import { describe, expect, it } from "vitest";
import { emptyLatch, type Latch, readLatch } from "./latch.js";
import { planFences } from "./plan.js";
import type { ServerRow, ServerStatus } from "./rows.js";

const isolated: Latch = { ...emptyLatch, isolatedSince: "2026-01-01T00:00:00.000Z" };
const row = (change: Partial<ServerRow>): ServerRow => ({
  hostgroup: 10,
  host: "db1",
  port: 3306,
  status: "ONLINE",
  ...change,
});

/** What is held of one row, after it was written down and read again. */
function heldAgain(one: ServerRow): readonly ServerRow[] | undefined {
  const { held } = planFences(isolated, { runtime: [one], memory: [one], pairs: [] }, new Map());
  return readLatch(JSON.parse(JSON.stringify({ ...isolated, rows: held })))?.rows;
}

describe("readLatch", () => {
  it.each([
    ["a Unix socket", { host: "/var/run/mysql.sock", port: 0 }],
    ["a name of 255 characters", { host: "d".repeat(255) }],
    ["a name that is empty", { host: "" }],
    ["a name with quotes and beyond ASCII", { host: `d'b"\u00fc\ud83d` }],
    ["a status of another version", { status: "SHUNNED_REPLICATION_LAG" as ServerStatus }],
  ])("reads again what was held of %s", (_, change) => {
    const one = row(change);
    expect(heldAgain(one)).toEqual([{ ...one, status: "ONLINE" }]);
  });

  it("reads again whatever name Orchestrator has for a successor or a recovery", () => {
    const successor = { host: `//${"d".repeat(258)}`, port: 3306 };
    const recovery = `${"o".repeat(300)}:1764290000:abc`;
    const latch: Latch = {
      ...emptyLatch,
      fences: [
        { server: { host: "a", port: 1 }, cause: { kind: "replaced", detail: "", successor }, since: "" },
      ],
      settled: [{ host: "b", port: 1, recovery }],
    };
    expect(readLatch(JSON.parse(JSON.stringify(latch)))).toEqual(latch);
  });

  it("reads what was written before recoveries could be settled", () => {
    const { settled: _, ...before } = emptyLatch;
    expect(readLatch(before)).toEqual(emptyLatch);
  });
});
