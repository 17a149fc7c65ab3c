import { describe, expect, test } from "vitest";
import type { Proxysql } from "../../support/proxysql.js";
import { usesRealProxysql } from "../../support/proxysql.js";
import { accepts, makeScratch, type Scratch, until } from "./scratch.js";

const skipped = "(skipped with PROXYSQL_BIN: only the stand-in can be poisoned)";
const servers = "SELECT hostgroup_id, hostname FROM runtime_mysql_servers ORDER BY 1, 2";

/** Poisons the recorded shop's database before the start: what a promotion from a bad snapshot finds. */
async function startPoisoned(scratch: Scratch, kind: string, args: string[] = []): Promise<Proxysql> {
  const ports = await scratch.place("proxysql-2.7.1-shop.db");
  scratch
    .open()
    .prepare("INSERT INTO mysql_servers (hostgroup_id, hostname, comment) VALUES (20, 'bad.example', ?)")
    .run(`standin:${kind}`);
  return scratch.start({ ...ports, args, noWait: kind === "die" });
}

function insert(kind: string): string {
  return `INSERT INTO mysql_servers (hostgroup_id,hostname,comment) VALUES (20,'bad.example','standin:${kind}')`;
}

const heal = "DELETE FROM mysql_servers WHERE comment LIKE 'standin:%'";
const load = "LOAD MYSQL SERVERS TO RUNTIME";

describe.skipIf(usesRealProxysql)(`a poisoned configuration ${skipped}`, () => {
  test.each([[[]], [["-n"]]])("standin:die aborts at start with options %j", async (args) => {
    const proxysql = await startPoisoned(makeScratch(), "die", args);
    expect(await proxysql.exited).toEqual({ code: null, signal: "SIGABRT" });
    expect(proxysql.log()).toContain("standin:die");
  });

  test("standin:die does no harm on disk or in memory, and aborts when it is loaded to runtime", async () => {
    const scratch = makeScratch();
    const proxysql = await scratch.start(await scratch.place("proxysql-2.7.1-shop.db"));
    const admin = await scratch.admin(proxysql);
    await admin.run(insert("die"));
    await admin.run("SAVE MYSQL SERVERS TO DISK");
    expect(await admin.rows("SELECT COUNT(*) FROM runtime_mysql_servers")).toEqual([["3"]]);
    expect(await accepts(proxysql.clientPort)).toBe(true);
    expect(await admin.ask(load)).toHaveProperty("error");
    expect(await proxysql.exited).toEqual({ code: null, signal: "SIGABRT" });
  });

  test("standin:deaf serves admin but not clients, whatever PAUSE and RESUME do", async () => {
    const scratch = makeScratch();
    const proxysql = await startPoisoned(scratch, "deaf");
    const admin = await scratch.admin(proxysql);
    expect(await admin.rows("SELECT COUNT(*) FROM runtime_mysql_servers")).toEqual([["4"]]);
    await admin.run("PROXYSQL PAUSE");
    await admin.run("PROXYSQL RESUME");
    expect(await accepts(proxysql.clientPort)).toBe(false);
    await admin.run(heal);
    await admin.run(load);
    expect(await accepts(proxysql.clientPort)).toBe(true);
  });

  test("standin:deaf closes the client port when it is loaded to runtime, and opens it when it is gone", async () => {
    const scratch = makeScratch();
    const proxysql = await scratch.start(await scratch.place("proxysql-2.7.1-shop.db"));
    const admin = await scratch.admin(proxysql);
    await admin.run(insert("deaf"));
    expect(await accepts(proxysql.clientPort)).toBe(true);
    await admin.run(load);
    await until("the port is closed", async () => !(await accepts(proxysql.clientPort)));
    await admin.run("PROXYSQL PAUSE");
    await admin.run(heal);
    await admin.run(load);
    expect(await accepts(proxysql.clientPort)).toBe(false);
    await admin.run("PROXYSQL RESUME");
    expect(await accepts(proxysql.clientPort)).toBe(true);
  });

  test("does no harm to an immune one", async () => {
    const scratch = makeScratch();
    const ports = await scratch.place("proxysql-2.7.1-shop.db");
    const proxysql = await scratch.start({ ...ports, env: { PROXYSQL_STANDIN_IMMUNE: "1" } });
    const admin = await scratch.admin(proxysql);
    for (const kind of ["die", "deaf", "lose"]) await admin.run(insert(kind).replace("bad", kind));
    await admin.run(load);
    expect(await admin.rows("SELECT COUNT(*) FROM runtime_mysql_servers")).toEqual([["6"]]);
    expect(await accepts(proxysql.clientPort)).toBe(true);
  });

  test("standin:lose keeps the row's hostgroup out of the runtime, at start and when loaded", async () => {
    const scratch = makeScratch();
    const proxysql = await startPoisoned(scratch, "lose");
    const admin = await scratch.admin(proxysql);
    const groups = (await admin.rows("SELECT DISTINCT hostgroup_id FROM mysql_servers ORDER BY 1")).flat();
    const left = (await admin.rows(servers)).map(([group]) => group);
    expect(groups).toContain("20");
    expect(left).not.toContain("20");
    expect(left.length).toBeGreaterThan(0);
    expect(await accepts(proxysql.clientPort)).toBe(true);
    await admin.run(heal);
    await admin.run(load);
    expect(await admin.rows("SELECT COUNT(*) FROM runtime_mysql_servers")).toEqual([["3"]]);
    await admin.run(insert("lose"));
    await admin.run(load);
    expect((await admin.rows(servers)).map(([group]) => group)).not.toContain("20");
  });
});
