import { copyFileSync, mkdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { freePort, usesRealProxysql } from "../../support/proxysql.js";
import { accepts, fixturePath, makeScratch, until } from "./scratch.js";

describe("ends with 0 although it does not run", () => {
  test("when the datadir is missing", async () => {
    const scratch = makeScratch();
    rmSync(scratch.datadir, { recursive: true });
    const proxysql = await scratch.start({ noWait: true });
    expect(await proxysql.exited).toEqual({ code: 0, signal: null });
  });

  test("when it cannot open its database", async () => {
    const scratch = makeScratch();
    mkdirSync(scratch.database);
    const proxysql = await scratch.start({ noWait: true });
    expect(await proxysql.exited).toEqual({ code: 0, signal: null });
    expect(proxysql.log()).toContain("Unable to open");
  });

  test("when only one of its three TLS files is there", async () => {
    const scratch = makeScratch();
    writeFileSync(join(scratch.datadir, "proxysql-key.pem"), "");
    const proxysql = await scratch.start({ noWait: true });
    expect(await proxysql.exited).toEqual({ code: 0, signal: null });
  });

  test("when the configuration file is missing", async () => {
    const scratch = makeScratch();
    const proxysql = await scratch.start({ noWait: true, configFile: "/nonexistent/proxysql.cnf" });
    expect(await proxysql.exited).toEqual({ code: 0, signal: null });
  });
});

test("ends with 1 when the configuration file has a syntax error", async () => {
  const scratch = makeScratch();
  const broken = join(scratch.datadir, "broken.cnf");
  writeFileSync(broken, "admin_variables={\n");
  const proxysql = await scratch.start({ noWait: true, configFile: broken });
  expect(await proxysql.exited).toEqual({ code: 1, signal: null });
});

describe("aborts on a damaged database", () => {
  test("random bytes", async () => {
    const scratch = makeScratch();
    writeFileSync(scratch.database, Buffer.alloc(20_000, "not a database "));
    const proxysql = await scratch.start({ noWait: true });
    expect(await proxysql.exited).toEqual({ code: null, signal: "SIGABRT" });
  });

  test("a truncated file", async () => {
    const scratch = makeScratch();
    await scratch.place("proxysql-2.7.1-shop.db");
    truncateSync(scratch.database, 100_000);
    const proxysql = await scratch.start({ noWait: true });
    expect(await proxysql.exited).toEqual({ code: null, signal: "SIGABRT" });
  });
});

test("takes an empty file for a database and starts with defaults, not with its configuration", async () => {
  const scratch = makeScratch();
  writeFileSync(scratch.database, "");
  const adminPort = await freePort();
  const proxysql = await scratch.start({ adminPort, args: ["-S", `127.0.0.1:${adminPort}`] });
  const admin = await scratch.admin(proxysql);
  const names = "'mysql-threads','admin-admin_credentials'";
  expect(
    await admin.rows(
      `SELECT * FROM global_variables WHERE variable_name IN (${names}) ORDER BY variable_name`,
    ),
  ).toEqual([
    ["admin-admin_credentials", "admin:admin"],
    ["mysql-threads", "4"],
  ]);
  expect(await admin.rows("SELECT * FROM disk.mysql_servers")).toEqual([]);
});

test("reads its configuration only while there is no database", async () => {
  const scratch = makeScratch();
  const first = await scratch.start();
  expect(await first.stop()).toEqual({ code: 0, signal: null });
  const ports = { adminPort: first.adminPort, clientPort: await freePort() };
  const second = await scratch.start(ports);
  const admin = await scratch.admin(second);
  expect(await admin.rows("SHOW VARIABLES LIKE 'mysql-interfaces'")).toEqual([
    ["mysql-interfaces", `127.0.0.1:${first.clientPort}`],
  ]);
});

test("loads disk to memory to runtime", async () => {
  const scratch = makeScratch();
  const proxysql = await scratch.start(await scratch.place("proxysql-2.7.1-shop.db"));
  const admin = await scratch.admin(proxysql);
  for (const table of ["disk.mysql_servers", "main.mysql_servers", "runtime_mysql_servers"]) {
    expect(await admin.rows(`SELECT COUNT(*) FROM ${table}`)).toEqual([["3"]]);
  }
  expect(await admin.rows("SELECT COUNT(*) FROM runtime_mysql_query_rules")).toEqual([["2"]]);
});

test("starts without servers on a database caught between DELETE and INSERT", async () => {
  const scratch = makeScratch();
  const proxysql = await scratch.start(await scratch.place("proxysql-2.7.1-halfsaved.db"));
  const admin = await scratch.admin(proxysql);
  expect(await admin.rows("PRAGMA disk.integrity_check")).toEqual([["ok"]]);
  expect(await admin.rows("SELECT * FROM runtime_mysql_servers")).toEqual([]);
});

test("drops a table whose definition differs by one quote, and says nothing", async () => {
  const scratch = makeScratch();
  const ports = await scratch.place("proxysql-2.7.1-shop.db");
  const database = scratch.open();
  const sql = String(
    database.prepare("SELECT sql FROM sqlite_master WHERE name='mysql_users'").pluck().get(),
  );
  database.exec(sql.replace("CREATE TABLE mysql_users", "CREATE TABLE other"));
  database.exec("INSERT INTO other SELECT * FROM mysql_users; DROP TABLE mysql_users;");
  database.exec(
    "ALTER TABLE other RENAME TO mysql_users; CREATE TABLE extra (a); INSERT INTO extra VALUES (1);",
  );
  expect(database.prepare("SELECT COUNT(*) FROM mysql_users").pluck().get()).toBe(1);
  const proxysql = await scratch.start(ports);
  const admin = await scratch.admin(proxysql);
  expect(await admin.rows("SELECT * FROM disk.mysql_users")).toEqual([]);
  expect(await admin.rows("SELECT COUNT(*) FROM disk.mysql_servers")).toEqual([["3"]]);
  expect(await admin.rows("SELECT * FROM disk.extra")).toEqual([["1"]]);
  const warnings = proxysql.log().match(/.*(WARNING|ERROR).*mysql_users.*/g);
  expect(warnings).toBeNull();
});

test("writes the definitions of the recorded database byte by byte", async () => {
  const scratch = makeScratch();
  await scratch.start();
  const definitions = "SELECT name, sql FROM sqlite_master WHERE type='table' ORDER BY name";
  const written = scratch.open().prepare(definitions).all();
  copyFileSync(fixturePath("proxysql-2.7.1-default.db"), scratch.database);
  expect(written).toEqual(scratch.open().prepare(definitions).all());
});

test("keeps its uuid on disk, and replaces it by one given", async () => {
  const scratch = makeScratch();
  const uuid = "SELECT variable_value FROM global_settings WHERE variable_name='uuid'";
  const first = await scratch.start();
  const own = scratch.open().prepare(uuid).pluck().get();
  expect(own).toMatch(/^[0-9a-f-]{36}$/);
  await first.stop();
  const ports = { adminPort: first.adminPort, clientPort: first.clientPort };
  const second = await scratch.start(ports);
  expect(scratch.open().prepare(uuid).pluck().get()).toBe(own);
  await second.stop();
  const given = "11111111-2222-3333-4444-555555555555";
  await scratch.start({ ...ports, args: ["-U", given] });
  expect(scratch.open().prepare(uuid).pluck().get()).toBe(given);
});

test("leaves TLS files and a statistics database in its datadir", async () => {
  const scratch = makeScratch();
  await scratch.start();
  for (const name of ["key", "cert", "ca"]) {
    expect(readFileSync(join(scratch.datadir, `proxysql-${name}.pem`), "utf8")).toMatch(/^-----BEGIN /);
  }
  expect(readFileSync(join(scratch.datadir, "proxysql_stats.db"), "latin1")).toMatch(/^SQLite format 3/);
});

test("stays up without a client port when its address is taken, until PAUSE and RESUME", async () => {
  const scratch = makeScratch();
  const blocker = createServer();
  const clientPort = await freePort();
  await new Promise<void>((resolve) => blocker.listen(clientPort, "127.0.0.1", resolve));
  const proxysql = await scratch.start({ clientPort });
  const admin = await scratch.admin(proxysql);
  await until("the failure in the log", () => /bind\(\)/.test(proxysql.log()));
  await new Promise((resolve) => blocker.close(resolve));
  expect(await accepts(clientPort)).toBe(false);
  await admin.run("PROXYSQL PAUSE");
  await admin.run("PROXYSQL RESUME");
  await until("the client port", () => accepts(clientPort));
});

describe("started with -n", () => {
  test("serves admin only, until PROXYSQL START", async () => {
    const scratch = makeScratch();
    const ports = await scratch.place("proxysql-2.7.1-shop.db");
    const proxysql = await scratch.start({ ...ports, args: ["-n"] });
    const admin = await scratch.admin(proxysql);
    expect(await accepts(proxysql.clientPort)).toBe(false);
    expect(await admin.rows("SELECT * FROM runtime_mysql_servers")).toEqual([]);
    expect(await admin.ask("PROXYSQL PAUSE")).toMatchObject({ error: { errno: 1045 } });
    await admin.run("PROXYSQL START");
    await until("the client port", () => accepts(proxysql.clientPort));
    await until(
      "the servers",
      async () => (await admin.rows("SELECT * FROM runtime_mysql_servers")).length === 3,
    );
    expect(await admin.ask("PROXYSQL START")).toMatchObject({
      error: { message: "ProxySQL Admin Error: ProxySQL already started" },
    });
  });

  test("crashes on LOAD MYSQL SERVERS TO RUNTIME", async () => {
    const scratch = makeScratch();
    const proxysql = await scratch.start({ args: ["-n"] });
    const admin = await scratch.admin(proxysql);
    expect(await admin.ask("LOAD MYSQL SERVERS TO RUNTIME")).toHaveProperty("error");
    expect(await proxysql.exited).toEqual({ code: null, signal: "SIGSEGV" });
  });
});

describe("other versions", () => {
  test("2.7.1 keeps the MySQL configuration of a 3.0.0-alpha database", async () => {
    const scratch = makeScratch();
    const proxysql = await scratch.start(await scratch.place("proxysql-3.0.0-alpha-shop.db"));
    const admin = await scratch.admin(proxysql);
    expect(await admin.rows("SELECT COUNT(*) FROM runtime_mysql_servers")).toEqual([["3"]]);
    expect(await admin.rows("SELECT COUNT(*) FROM disk.pgsql_servers")).toEqual([["1"]]);
  });

  test.skipIf(usesRealProxysql)(
    "3.0.0 adds PostgreSQL (skipped with PROXYSQL_BIN: it is one version)",
    async () => {
      const scratch = makeScratch();
      const ports = await scratch.place("proxysql-2.7.1-shop.db");
      const proxysql = await scratch.start({ ...ports, version: "3.0.0" });
      const admin = await scratch.admin(proxysql);
      expect(await admin.rows("SELECT COUNT(*) FROM runtime_mysql_servers")).toEqual([["3"]]);
      await admin.run("INSERT INTO pgsql_servers (hostgroup_id,hostname) VALUES (1,'pg')");
      await admin.run("LOAD PGSQL SERVERS TO RUNTIME");
      await admin.run("SAVE PGSQL SERVERS TO DISK");
      expect(await admin.rows("SELECT hostname FROM runtime_pgsql_servers")).toEqual([["pg"]]);
      expect(await admin.rows("SELECT hostname FROM disk.pgsql_servers")).toEqual([["pg"]]);
    },
  );

  test.skipIf(usesRealProxysql)(
    "2.5.5 upgrades to 2.7.1, not back (skipped with PROXYSQL_BIN: one version)",
    async () => {
      const scratch = makeScratch();
      const old = await scratch.start({ version: "2.5.5" });
      const oldAdmin = await scratch.admin(old);
      expect((await oldAdmin.rows("SHOW TABLES FROM disk")).flat()).not.toContain("mysql_servers_ssl_params");
      await oldAdmin.run("INSERT INTO mysql_hostgroup_attributes (hostgroup_id,comment) VALUES (7,'kept')");
      await oldAdmin.run("SAVE MYSQL SERVERS TO DISK");
      await old.stop();
      const ports = { adminPort: old.adminPort, clientPort: old.clientPort };
      const upgraded = await scratch.start(ports);
      const admin = await scratch.admin(upgraded);
      expect(await admin.rows("SELECT hostgroup_id,comment FROM mysql_hostgroup_attributes")).toEqual([
        ["7", "kept"],
      ]);
      await upgraded.stop();
      const back = await scratch.start({ ...ports, version: "2.5.5" });
      const backAdmin = await scratch.admin(back);
      expect(await backAdmin.rows("SELECT * FROM mysql_hostgroup_attributes")).toEqual([]);
    },
  );
});
