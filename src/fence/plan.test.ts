import { describe, expect, it } from "vitest";
import { emptyLatch, type Latch } from "./latch.js";
import { isNothing, planFences, type ServersSeen } from "./plan.js";
import type { ServerRow, ServerStatus } from "./rows.js";
import { changesOf } from "./sql.js";

const row = (hostgroup: number, host: string, status: ServerStatus = "ONLINE"): ServerRow => ({
  hostgroup,
  host,
  port: 3306,
  status,
});
const pairs = [{ writer: 10, reader: 20 }];
const seen = (...runtime: ServerRow[]): ServersSeen => ({ runtime, memory: runtime, pairs });
const fenced = (...hosts: string[]): Latch => ({
  ...emptyLatch,
  fences: hosts.map((host) => ({
    server: { host, port: 3306 },
    cause: { kind: "downtime", detail: "", successor: null },
    since: "",
  })),
});
const none = new Map();

describe("planFences", () => {
  it("has nothing to do when nothing is held and nothing was", () => {
    expect(isNothing(planFences(emptyLatch, seen(row(10, "a"), row(20, "b", "OFFLINE_SOFT")), none))).toBe(
      true,
    );
  });

  it("fences a server in all its hostgroups, and remembers what each row was", () => {
    const plan = planFences(fenced("a"), seen(row(10, "a"), row(20, "a", "SHUNNED"), row(20, "b")), none);
    expect(plan.fence).toEqual([{ host: "a", port: 3306 }]);
    expect(plan.held).toEqual([row(10, "a"), row(20, "a", "ONLINE")]);
    expect(plan.left).toEqual(plan.held);
  });

  it("leaves alone what is offline already, and remembers that it was", () => {
    const plan = planFences(
      fenced("a"),
      seen(row(10, "a", "OFFLINE_SOFT"), row(20, "a", "OFFLINE_HARD")),
      none,
    );
    expect(isNothing(plan)).toBe(true);
    expect(plan.held.map(({ status }) => status)).toEqual(["OFFLINE_SOFT", "OFFLINE_HARD"]);
  });

  it("gives each row back what it had", () => {
    const latch = { ...emptyLatch, rows: [row(10, "a"), row(20, "a", "OFFLINE_SOFT")] };
    const plan = planFences(latch, seen(row(10, "a", "OFFLINE_SOFT"), row(20, "a", "OFFLINE_SOFT")), none);
    expect(plan.release).toEqual([{ row: row(10, "a", "OFFLINE_SOFT"), to: "ONLINE" }]);
    expect(plan.left).toEqual([]);
  });

  it("takes the writer row from one that comes back as a replica, and gives it one to be read from", () => {
    const latch = { ...emptyLatch, rows: [row(10, "a")] };
    const plan = planFences(
      latch,
      seen(row(10, "a", "OFFLINE_SOFT")),
      new Map([["a:3306", "replica" as const]]),
    );
    expect(plan).toMatchObject({ release: [], demote: [{ reader: 20, status: "ONLINE" }] });
    expect(changesOf(plan, "main", ["hostgroup_id", "hostname", "port", "status", "weight"])).toEqual([
      `INSERT OR IGNORE INTO main.mysql_servers ("hostgroup_id", "hostname", "port", "status", "weight") SELECT 20, "hostname", "port", 'ONLINE', "weight" FROM main.mysql_servers WHERE (hostgroup_id, hostname, port) IN (VALUES (10,'a',3306))`,
      "DELETE FROM main.mysql_servers WHERE (hostgroup_id, hostname, port) IN (VALUES (10,'a',3306))",
    ]);
    expect(changesOf(plan, "disk", null)).toEqual([
      "UPDATE disk.mysql_servers SET status='ONLINE' WHERE status='OFFLINE_SOFT' AND (hostgroup_id, hostname, port) IN (VALUES (10,'a',3306))",
    ]);
  });

  it("takes a row that the monitor copied from a held one for that one's copy", () => {
    const latch = { ...emptyLatch, rows: [row(20, "a")] };
    const plan = planFences(latch, seen(row(10, "a", "OFFLINE_SOFT"), row(20, "a", "OFFLINE_SOFT")), none);
    expect(plan.release.map(({ row: { hostgroup }, to }) => [hostgroup, to])).toEqual([
      [10, "ONLINE"],
      [20, "ONLINE"],
    ]);
  });

  it("holds everything in an isolation, and a fence stays when that is over", () => {
    const isolated = { ...fenced("a"), isolatedSince: "now" };
    const plan = planFences(isolated, seen(row(10, "a"), row(20, "b"), row(20, "c", "OFFLINE_SOFT")), none);
    expect(plan.fence.map(({ host }) => host)).toEqual(["a", "b"]);
    const after = planFences(
      { ...fenced("a"), rows: plan.held },
      seen(row(10, "a", "OFFLINE_SOFT"), row(20, "b", "OFFLINE_SOFT"), row(20, "c", "OFFLINE_SOFT")),
      none,
    );
    expect(after.release.map(({ row: { host }, to }) => [host, to])).toEqual([["b", "ONLINE"]]);
    expect(after.left).toEqual([row(10, "a")]);
  });

  it("looks at rows that are in memory alone, too", () => {
    const plan = planFences(
      fenced("a"),
      { runtime: [row(10, "a", "OFFLINE_SOFT")], memory: [row(30, "a")], pairs },
      none,
    );
    expect(plan.fence).toEqual([{ host: "a", port: 3306 }]);
  });

  it("is one statement for however many servers, and lets no name out of its quotes", () => {
    const hosts = Array.from({ length: 100 }, (_, i) => `h'${i}`);
    const plan = planFences(fenced(...hosts), seen(...hosts.map((host) => row(20, host))), none);
    const statements = changesOf(plan, "main", []);
    expect(statements).toHaveLength(1);
    expect(statements[0]).toContain("('h''99',3306)");
  });
});
