import { copyFileSync, existsSync, renameSync, statSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import type { AdminClient } from "../../support/admin-client.js";
import { usesRealProxysql } from "../../support/proxysql.js";
import { changeCounter, makeScratch, until } from "./scratch.js";

const SERVER = "INSERT INTO mysql_servers (hostgroup_id,hostname) VALUES (1,'one')";

test("SAVE commits the DELETE and the INSERT of a table separately", async () => {
  const scratch = makeScratch();
  const admin = await scratch.admin(await scratch.start());
  await admin.run(SERVER);
  await admin.run("SAVE MYSQL SERVERS TO DISK");
  const before = changeCounter(scratch.database);
  await admin.run("SAVE MYSQL SERVERS TO DISK");
  // Seven tables are emptied, and one has a row to be written back: eight commits, though nothing differs.
  expect(changeCounter(scratch.database)).toBe(before + 8);
});

test.skipIf(usesRealProxysql)(
  "an outside reader sees an intact database without servers in between (skipped with PROXYSQL_BIN: gap is a knob)",
  async () => {
    const scratch = makeScratch();
    const admin = await scratch.admin(await scratch.start({ env: { PROXYSQL_STANDIN_SAVE_GAP_MS: "60" } }));
    await admin.run(SERVER);
    await admin.run("SAVE MYSQL SERVERS TO DISK");
    const outside = scratch.open();
    // A commit takes the lock for a moment, which is not what this is about.
    outside.pragma("busy_timeout = 5000");
    const count = outside.prepare("SELECT COUNT(*) FROM mysql_servers").pluck();
    expect(count.get()).toBe(1);
    const saved = admin.run("SAVE MYSQL SERVERS TO DISK");
    await until("the gap", () => count.get() === 0);
    expect(outside.pragma("integrity_check", { simple: true })).toBe("ok");
    await saved;
    expect(count.get()).toBe(1);
  },
);

test("a lock from outside hangs SAVE, and with it all other admin sessions, until it is gone", async () => {
  const scratch = makeScratch();
  const proxysql = await scratch.start();
  const [admin, other] = [await scratch.admin(proxysql), await scratch.admin(proxysql)];
  await admin.run(SERVER);
  const outside = scratch.open();
  outside.exec("BEGIN IMMEDIATE");
  const answered: string[] = [];
  const saving = admin.run("SAVE MYSQL SERVERS TO DISK").then(() => answered.push("save"));
  await until("the command", () => proxysql.log().includes("SAVE MYSQL SERVERS TO DISK"));
  const asking = other.run("SELECT 1").then(() => answered.push("select"));
  await new Promise((resolve) => setTimeout(resolve, 300));
  expect(answered).toEqual([]);
  outside.exec("COMMIT");
  await Promise.all([saving, asking]);
  expect(outside.prepare("SELECT hostname FROM mysql_servers").pluck().all()).toEqual(["one"]);
});

test("after a rename over its database SAVE answers OK and fails, until FLUSH CONFIGDB", async () => {
  const scratch = makeScratch();
  const admin = await scratch.admin(await scratch.start());
  const copy = `${scratch.database}.new`;
  copyFileSync(scratch.database, copy);
  const inode = statSync(scratch.database).ino;
  renameSync(copy, scratch.database);
  expect(statSync(scratch.database).ino).not.toBe(inode);
  await admin.run(SERVER);
  await admin.run("SAVE MYSQL SERVERS TO DISK");
  expect(await diskServers(admin)).toEqual([]);
  expect(await admin.ask("SAVE MYSQL VARIABLES TO DISK")).toEqual({
    error: {
      errno: 1045,
      sqlState: "28000",
      message: "ProxySQL Admin Error: attempt to write a readonly database",
    },
  });
  await admin.run("PROXYSQL FLUSH CONFIGDB");
  await admin.run("SAVE MYSQL SERVERS TO DISK");
  expect(await diskServers(admin)).toEqual(["one"]);
  expect(scratch.open().prepare("SELECT hostname FROM mysql_servers").pluck().all()).toEqual(["one"]);
});

test("VACUUM INTO writes a copy with the same definitions, once", async () => {
  const scratch = makeScratch();
  const admin = await scratch.admin(await scratch.start());
  await admin.run(SERVER);
  await admin.run("SAVE MYSQL SERVERS TO DISK");
  const target = join(scratch.datadir, "copy.db");
  await admin.run(`VACUUM disk INTO '${target}'`);
  expect(existsSync(target)).toBe(true);
  expect(await admin.ask(`VACUUM disk INTO '${target}'`)).toMatchObject({
    error: { message: "ProxySQL Admin Error: output file already exists" },
  });
  const names = "SELECT name, sql FROM sqlite_master WHERE type='table' ORDER BY name";
  await admin.run(`ATTACH DATABASE '${target}' AS copied`);
  expect(await admin.rows(names.replace("FROM ", "FROM copied."))).toEqual(
    await admin.rows(names.replace("FROM ", "FROM disk.")),
  );
  expect(await admin.rows("SELECT hostname FROM copied.mysql_servers")).toEqual([["one"]]);
  await admin.run("DETACH DATABASE copied");
});

test("a change from outside is there for LOAD FROM DISK at once", async () => {
  const scratch = makeScratch();
  const admin = await scratch.admin(await scratch.start());
  scratch.open().exec("INSERT INTO mysql_servers (hostgroup_id,hostname) VALUES (5,'outside')");
  await admin.run("LOAD MYSQL SERVERS FROM DISK");
  expect(await admin.rows("SELECT hostname FROM mysql_servers")).toEqual([["outside"]]);
});

test("every alias of LOAD and SAVE moves the way its name says", async () => {
  const scratch = makeScratch();
  const admin = await scratch.admin(await scratch.start());
  await admin.run("INSERT INTO scheduler (id,active,interval_ms,filename) VALUES (1,0,1000000,'/bin/true')");
  for (const saved of ["SAVE SCHEDULER TO DISK", "SAVE SCHEDULER FROM MEMORY", "SAVE SCHEDULER FROM MEM"]) {
    scratch.open().exec("DELETE FROM scheduler");
    await admin.run(saved);
    expect(await admin.rows("SELECT id FROM disk.scheduler")).toEqual([["1"]]);
  }
  const alias = ["TO RUNTIME", "TO RUN", "FROM MEMORY", "FROM MEM"];
  for (const [index, name] of alias.entries()) {
    await admin.run(`UPDATE scheduler SET interval_ms=${1_000_000 + index}`);
    await admin.run(`LOAD SCHEDULER ${name}`);
    expect(await admin.rows("SELECT interval_ms FROM runtime_scheduler")).toEqual([
      [String(1_000_000 + index)],
    ]);
  }
  for (const name of ["FROM RUNTIME", "FROM RUN", "TO MEMORY", "TO MEM"]) {
    await admin.run("DELETE FROM scheduler");
    await admin.run(`SAVE SCHEDULER ${name}`);
    expect(await admin.rows("SELECT id FROM scheduler")).toEqual([["1"]]);
  }
  for (const name of ["FROM DISK", "TO MEMORY", "TO MEM"]) {
    await admin.run("DELETE FROM scheduler");
    await admin.run(`LOAD SCHEDULER ${name}`);
    expect(await admin.rows("SELECT id FROM scheduler")).toEqual([["1"]]);
  }
});

async function diskServers(admin: AdminClient): Promise<(string | null)[]> {
  return (await admin.rows("SELECT hostname FROM disk.mysql_servers")).flat();
}
