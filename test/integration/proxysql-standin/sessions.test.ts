import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { connectAdmin } from "../../support/admin-client.js";
import { usesRealProxysql } from "../../support/proxysql.js";
import { accepts, makeScratch, until } from "./scratch.js";

describe("admin", () => {
  test("refuses a wrong password with its own message, and prepared statements", async () => {
    const scratch = makeScratch();
    const proxysql = await scratch.start();
    const refused = connectAdmin({ port: proxysql.adminPort, password: "wrong" });
    await expect(refused).rejects.toMatchObject({
      errno: 1045,
      message: "ProxySQL Error: Access denied for user 'admin'@'127.0.0.1' (using password: YES)",
    });
    const admin = await scratch.admin(proxysql);
    await expect(admin.prepare("SELECT 1")).rejects.toMatchObject({
      errno: 1045,
      message: "Command not supported",
    });
  });

  test("runs only the first of two statements, and no LOAD with a comment", async () => {
    const scratch = makeScratch();
    const admin = await scratch.admin(await scratch.start());
    await admin.run(
      "INSERT INTO mysql_servers (hostname) VALUES ('a'); INSERT INTO mysql_servers (hostname) VALUES ('b')",
    );
    expect(await admin.rows("SELECT hostname FROM mysql_servers")).toEqual([["a"]]);
    const syntax = { error: { errno: 1045, message: 'ProxySQL Admin Error: near "LOAD": syntax error' } };
    expect(await admin.ask("LOAD MYSQL SERVERS TO RUNTIME /* why */")).toMatchObject(syntax);
    expect(await admin.ask("/* why */ LOAD MYSQL SERVERS TO RUNTIME")).toMatchObject(syntax);
    expect(await admin.rows("SELECT * FROM runtime_mysql_servers")).toEqual([]);
    await admin.run(" load  mysql servers\nTO runtime ; ");
    expect(await admin.rows("SELECT hostname FROM runtime_mysql_servers")).toEqual([["a"]]);
  });

  test("knows no transactions and shares one memory among its sessions", async () => {
    const scratch = makeScratch();
    const proxysql = await scratch.start();
    const [one, two] = [await scratch.admin(proxysql), await scratch.admin(proxysql)];
    await one.run("BEGIN");
    await one.run("INSERT INTO mysql_servers (hostname) VALUES ('a')");
    expect(await two.rows("SELECT hostname FROM mysql_servers")).toEqual([["a"]]);
    await one.run("ROLLBACK");
    expect(await two.rows("SELECT hostname FROM mysql_servers")).toEqual([["a"]]);
  });

  test("answers an unknown variable with OK and an error in the info", async () => {
    const scratch = makeScratch();
    const admin = await scratch.admin(await scratch.start());
    expect(await admin.ask("SET mysql-nosuch=1")).toEqual({
      ok: { affectedRows: 0, info: "ERROR: Unknown global variable: 'mysql-nosuch'." },
    });
    await admin.run("SET mysql-max_connections='many'");
    await admin.run("LOAD MYSQL VARIABLES TO RUNTIME");
    expect(await admin.rows("SHOW VARIABLES LIKE 'mysql-max_connections'")).toEqual([
      ["mysql-max_connections", "10000"],
    ]);
  });

  test("listens on a socket too", async () => {
    const scratch = makeScratch();
    const adminSocket = join(scratch.datadir, "a.sock");
    await scratch.start({ adminSocket });
    const admin = await connectAdmin({ socketPath: adminSocket });
    expect(await admin.rows("SELECT 1")).toEqual([["1"]]);
    admin.close();
  });

  test("splits users in runtime, hides OFFLINE_HARD, and saves SHUNNED as ONLINE", async () => {
    const scratch = makeScratch();
    const admin = await scratch.admin(await scratch.start());
    await admin.run("INSERT INTO mysql_users (username,password) VALUES ('app','pw')");
    await admin.run("LOAD MYSQL USERS TO RUNTIME");
    expect(await admin.rows("SELECT username,frontend,backend FROM runtime_mysql_users")).toEqual([
      ["app", "1", "0"],
      ["app", "0", "1"],
    ]);
    await admin.run(
      "INSERT INTO mysql_servers (hostname,status) VALUES ('a','SHUNNED'),('b','OFFLINE_HARD')",
    );
    await admin.run("LOAD MYSQL SERVERS TO RUNTIME");
    await admin.run("SAVE MYSQL SERVERS FROM RUNTIME");
    expect(await admin.rows("SELECT hostname,status FROM mysql_servers")).toEqual([["a", "ONLINE"]]);
  });

  test("counts a new version of a module at LOAD, with a checksum of its content", async () => {
    const scratch = makeScratch();
    const admin = await scratch.admin(await scratch.start());
    const line = async () =>
      (
        await admin.rows(
          "SELECT version,checksum FROM runtime_checksums_values WHERE name='mysql_servers_v2'",
        )
      )[0];
    expect(await line()).toEqual(["1", "0x0000000000000000"]);
    await admin.run("INSERT INTO mysql_servers (hostname) VALUES ('a')");
    expect(await line()).toEqual(["1", "0x0000000000000000"]);
    await admin.run("LOAD MYSQL SERVERS TO RUNTIME");
    const loaded = await line();
    expect(loaded?.[0]).toBe("2");
    expect(loaded?.[1]).not.toBe("0x0000000000000000");
    await admin.run("LOAD MYSQL SERVERS TO RUNTIME");
    expect(await line()).toEqual(["3", loaded?.[1]]);
  });

  test("drops the connection without an answer at SHUTDOWN and ends with 0", async () => {
    const scratch = makeScratch();
    const proxysql = await scratch.start();
    const admin = await scratch.admin(proxysql);
    expect(await admin.ask("PROXYSQL SHUTDOWN")).toHaveProperty("error");
    expect(await proxysql.exited).toEqual({ code: 0, signal: null });
  });

  test.skipIf(usesRealProxysql)(
    "never again answers the session that asked for STOP (skipped with PROXYSQL_BIN: it hangs or crashes by chance)",
    async () => {
      const scratch = makeScratch();
      const proxysql = await scratch.start();
      const admin = await connectAdmin({ port: proxysql.adminPort, timeout: 1_000 });
      await admin.run("PROXYSQL STOP");
      expect(await admin.ask("SELECT 1")).toEqual({ error: { message: "Query inactivity timeout" } });
      admin.close();
    },
  );

  test("forgets unsaved memory at STOP", async () => {
    const scratch = makeScratch();
    const proxysql = await scratch.start();
    const admin = await connectAdmin({ port: proxysql.adminPort });
    await admin.run("INSERT INTO mysql_servers (hostname) VALUES ('unsaved')");
    await admin.run("PROXYSQL STOP");
    await until("the client port to close", async () => !(await accepts(proxysql.clientPort)));
    admin.close();
    // The admin port is gone for a while too.
    await until("the admin port", () => accepts(proxysql.adminPort));
    const next = await scratch.admin(proxysql);
    expect(await next.rows("SELECT * FROM mysql_servers")).toEqual([]);
    await next.run("PROXYSQL START");
    await until("the client port", () => accepts(proxysql.clientPort));
  });
});

describe("clients", () => {
  test("get in when their user is in runtime", async () => {
    const scratch = makeScratch();
    const proxysql = await scratch.start(await scratch.place("proxysql-2.7.1-shop.db"));
    await until("the client port", () => accepts(proxysql.clientPort));
    const port = proxysql.clientPort;
    const client = await connectAdmin({ port, user: "app", password: "app-secret" });
    expect(await client.rows("SELECT CONNECTION_ID()")).toHaveLength(1);
    client.close();
    for (const login of [
      { user: "app", password: "wrong" },
      { user: "nobody", password: "app-secret" },
    ]) {
      await expect(connectAdmin({ port, ...login })).rejects.toMatchObject({
        errno: 1045,
        message: `ProxySQL Error: Access denied for user '${login.user}'@'127.0.0.1' (using password: YES)`,
      });
    }
  });

  test("stay connected during PAUSE while new ones are refused", async () => {
    const scratch = makeScratch();
    const proxysql = await scratch.start(await scratch.place("proxysql-2.7.1-shop.db"));
    const admin = await scratch.admin(proxysql);
    await until("the client port", () => accepts(proxysql.clientPort));
    const client = await connectAdmin({ port: proxysql.clientPort, user: "app", password: "app-secret" });
    await admin.run("PROXYSQL PAUSE");
    await until("new connections to be refused", async () => !(await accepts(proxysql.clientPort)));
    expect(await client.rows("SELECT CONNECTION_ID()")).toHaveLength(1);
    expect(await admin.ask("PROXYSQL PAUSE")).toMatchObject({
      error: {
        message: "ProxySQL Admin Error: ProxySQL MySQL module is already paused, impossible to pause",
      },
    });
    expect(
      await admin.rows("SELECT * FROM stats_mysql_global WHERE Variable_Name='mysql_listener_paused'"),
    ).toEqual([["mysql_listener_paused", "true"]]);
    await admin.run("PROXYSQL RESUME");
    await until("the client port", () => accepts(proxysql.clientPort));
    client.close();
  });

  test.skipIf(usesRealProxysql)(
    "hold their server through OFFLINE_SOFT until killed (skipped with PROXYSQL_BIN: its servers do not exist)",
    async () => {
      const scratch = makeScratch();
      const proxysql = await scratch.start(await scratch.place("proxysql-2.7.1-shop.db"));
      const admin = await scratch.admin(proxysql);
      await admin.run("SET mysql-connect_timeout_server_max=100");
      await admin.run("LOAD MYSQL VARIABLES TO RUNTIME");
      const login = { port: proxysql.clientPort, user: "app", password: "app-secret" };
      const [busy, idle] = [await connectAdmin(login), await connectAdmin(login)];
      await busy.run("BEGIN");
      const [[host] = []] = await busy.rows("SELECT @@hostname");
      await admin.run(`UPDATE mysql_servers SET status='OFFLINE_SOFT'`);
      await admin.run("LOAD MYSQL SERVERS TO RUNTIME");
      expect(await busy.rows("SELECT @@hostname")).toEqual([[host]]);
      expect(await idle.ask("INSERT INTO t VALUES (1)")).toMatchObject({ error: { errno: 9001 } });
      const sessions = await admin.rows(
        `SELECT SessionID FROM stats_mysql_processlist WHERE srv_host='${host}'`,
      );
      expect(sessions).toHaveLength(1);
      await admin.run(`KILL CONNECTION ${sessions[0]?.[0]}`);
      expect(await busy.ask("SELECT 1")).toHaveProperty("error");
      expect(
        await admin.rows(`SELECT SUM(ConnUsed) FROM stats_mysql_connection_pool WHERE srv_host='${host}'`),
      ).toEqual([["0"]]);
      idle.close();
    },
  );
});
