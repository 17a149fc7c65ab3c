import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { usesRealProxysql } from "../../support/proxysql.js";
import {
  adminStatements,
  changesBetween,
  isOnline,
  type ServerChange,
  serverChanges,
} from "../../support/standin-control.js";
import { makeScratch } from "./scratch.js";

describe.skipIf(usesRealProxysql)("traces (skipped with PROXYSQL_BIN: it keeps none)", () => {
  test("every statement of the admin is kept with its time and session, the refused ones too", async () => {
    const scratch = makeScratch();
    const trace = join(scratch.datadir, "statements.jsonl");
    const proxysql = await scratch.start({ env: { PROXYSQL_STANDIN_STATEMENTS: trace } });
    const [one, two] = [await scratch.admin(proxysql), await scratch.admin(proxysql)];
    const from = Date.now();
    await one.run("SELECT 1");
    await one.run("LOAD MYSQL SERVERS TO RUNTIME");
    expect(await two.ask("LOAD NONSENSE")).toHaveProperty("error");
    const kept = adminStatements(trace).filter((statement) => statement.time >= from);
    expect(kept.map((statement) => statement.text)).toEqual([
      "SELECT 1",
      "LOAD MYSQL SERVERS TO RUNTIME",
      "LOAD NONSENSE",
    ]);
    expect(kept[0]?.session).toBe(kept[1]?.session);
    expect(kept[2]?.session).not.toBe(kept[0]?.session);
    expect(kept.at(-1)?.time).toBeLessThanOrEqual(Date.now());
  });

  test("every change of the servers in effect is kept before its cause is answered, and nothing else", async () => {
    const scratch = makeScratch();
    const trace = join(scratch.datadir, "servers.jsonl");
    const ports = await scratch.place("proxysql-2.7.1-shop.db");
    const from = Date.now();
    const admin = await scratch.admin(
      await scratch.start({ ...ports, env: { PROXYSQL_STANDIN_SERVERS: trace } }),
    );
    const [start] = serverChanges(trace);
    expect(start?.time).toBeGreaterThanOrEqual(from);
    expect(start?.cause).toBe("load");
    expect(start?.rows[0]).toEqual({ hostgroup: 10, host: "db1.example", port: 3306, status: "ONLINE" });
    await admin.run("UPDATE mysql_servers SET status='OFFLINE_SOFT' WHERE hostname='db1.example'");
    expect(serverChanges(trace)).toHaveLength(1);
    await admin.run("LOAD MYSQL SERVERS TO RUNTIME");
    expect(serverChanges(trace)).toHaveLength(2);
    await admin.run("LOAD MYSQL SERVERS TO RUNTIME");
    const changes = serverChanges(trace);
    expect(changes).toHaveLength(2);
    expect(changes.map((change) => isOnline(change, 10, "db1.example"))).toEqual([true, false]);
    expect(isOnline(changes[1] as ServerChange, 20, "db2.example")).toBe(true);
  });
});

test("what was in effect between two times begins with the last change before them", () => {
  const changes = [100, 200, 300, 400].map((time): ServerChange => ({ time, cause: "load", rows: [] }));
  const times = (from: number, to?: number) => changesBetween(changes, from, to).map(({ time }) => time);
  expect(times(250, 350)).toEqual([200, 300]);
  expect(times(300, 399)).toEqual([300]);
  expect(times(50, 99)).toEqual([]);
  expect(times(450)).toEqual([400]);
  expect(times(0)).toEqual([100, 200, 300, 400]);
});
