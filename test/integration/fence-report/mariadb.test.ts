import { spawnSync } from "node:child_process";
import { createServer, type Server, type Socket } from "node:net";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "vitest";
import type { FenceReportDocument } from "../../../src/commands/format-fence-report.js";
import type { Mariadb } from "../../support/mariadb.js";
import {
  Console,
  describeMariadb,
  grantReader,
  place,
  reader,
  runPrinted,
  startReadable,
  statementsIn,
} from "./harness.js";

const noOpenssl = spawnSync("openssl", ["version"]).error !== undefined;

describeMariadb("an old primary that came back", () => {
  let old: Mariadb;
  let next: Mariadb;
  let node: Console;

  beforeAll(async () => {
    node = new Console();
    [old, next] = await Promise.all([startReadable({ serverId: 1 }), startReadable({ serverId: 2 })]);
    await next.replicateFrom(old);
    await old.query(
      "CREATE DATABASE shop",
      "CREATE TABLE shop.orders (id INT PRIMARY KEY, what VARCHAR(40))",
    );
    await old.query("INSERT INTO shop.orders VALUES (1, 'both')", "FLUSH BINARY LOGS");
    await old.query("INSERT INTO shop.orders VALUES (2, 'both')");
    await next.catchUpWith(old);
  }, 120_000);

  afterAll(async () => {
    await Promise.all([old?.stop(), next?.stop()]);
    node?.remove();
  });

  test("has nothing that the new one has not, as long as nothing was lost", async () => {
    const report = await node.compare(old, next);
    expect(report).toMatchObject({ code: 0, verdict: "nothing-lost", why: [], count: "0", command: null });
  });

  test("has the transactions of its last moments: which, where, and the command that prints them", async () => {
    await next.query("STOP SLAVE IO_THREAD");
    await old.query("INSERT INTO shop.orders VALUES (101, 'only here')", "FLUSH BINARY LOGS");
    await old.query(
      "INSERT INTO shop.orders VALUES (102, 'it''s only here')",
      "UPDATE shop.orders SET what='changed' WHERE id=2",
      "CREATE TABLE shop.late (id INT)",
    );
    const positions = await old.query("SELECT @@GLOBAL.gtid_binlog_pos AS pos");
    await old.kill();
    await next.promote();
    await next.query(
      "INSERT INTO shop.orders VALUES (201, 'new')",
      "INSERT INTO shop.orders VALUES (202, 'new')",
    );
    await old.restart();

    const report = await node.compare(old, next);
    expect(report).toMatchObject({
      code: 1,
      verdict: "transactions-only-here",
      why: [],
      count: "4",
      complete: true,
    });
    const last = Number(positions[0]?.pos?.split("-")[2]);
    expect(report.gtids).toEqual([3, 2, 1, 0].map((back) => `0-1-${last - back}`));
    expect(report.ranges).toEqual([{ source: "0-1", from: String(last - 3), to: String(last) }]);
    expect(report.logs.map(({ name, transactions }) => [name, transactions])).toEqual([
      ["binlog.000002", 1],
      ["binlog.000003", 3],
    ]);

    const printed = await runPrinted(report.command ?? "");
    expect(printed).toMatchObject({ code: 0 });
    expect(statementsIn(printed.stdout)).toEqual([
      "INSERT INTO shop.orders VALUES (101, 'only here')",
      "INSERT INTO shop.orders VALUES (102, 'it''s only here')",
      "UPDATE shop.orders SET what='changed' WHERE id=2",
      "CREATE TABLE shop.late (id INT)",
    ]);
  }, 120_000);

  test("tells people the same, and never the password", async () => {
    const { code, stdout, stderr } = await node.report(place(old), "--against", place(next));
    expect({ code, stderr }).toEqual({ code: 1, stderr: "" });
    expect(stdout).toContain(`${place(old)} has 4 transactions that ${place(next)} has not.`);
    expect(stdout).toContain("binlog.000002: 1 of them");
    expect(stdout).toMatch(
      /^ {4}mariadb-binlog --read-from-remote-server .* binlog\.000002 binlog\.000003$/m,
    );
    expect(stdout).not.toContain("rea'der");
  });

  test("the other way round: the new one has what the old one has not", async () => {
    const report = await node.compare(next, old);
    expect(report).toMatchObject({ code: 1, verdict: "transactions-only-here", count: "2" });
    const printed = await runPrinted(report.command ?? "");
    expect(statementsIn(printed.stdout)).toEqual([
      "INSERT INTO shop.orders VALUES (201, 'new')",
      "INSERT INTO shop.orders VALUES (202, 'new')",
    ]);
  });

  test("transactions of other domains in between are kept out of what is printed", async () => {
    // Both have 7-9-1; on the old one it stands between those that it alone has.
    for (const server of [old, next])
      await server.query(
        "SET gtid_domain_id=7",
        "SET server_id=9",
        "SET gtid_seq_no=1",
        "CREATE TABLE shop.seven (id INT)",
      );
    await old.query("INSERT INTO shop.orders VALUES (103, 'last')");
    const report = await node.compare(old, next);
    expect(report).toMatchObject({ verdict: "transactions-only-here", count: "5", complete: true });
    const printed = await runPrinted(report.command ?? "");
    expect(printed).toMatchObject({ code: 0 });
    expect(statementsIn(printed.stdout)).toHaveLength(5);
    expect(printed.stdout).not.toContain("shop.seven");
  });

  test("asks the agent which servers are fenced, and by whom they were replaced", async () => {
    const fences = [
      {
        server: { host: "127.0.0.1", port: old.port },
        cause: {
          kind: "replaced",
          detail: "DeadMaster\u001b[31m",
          successor: { host: "127.0.0.1", port: next.port },
          more: 1,
        },
        since: "2026-11-21T03:00:12.418Z",
        more: [],
      },
      {
        server: { host: "127.0.0.1", port: 1 },
        cause: { kind: "downtimed", detail: "", successor: null },
        since: "2026-11-21T03:00:12.418Z",
      },
    ];
    const agent = await answering(node.agentSocket, { ok: true, fence: { schema: "x", fences } });
    try {
      const { code, stdout } = await node.report("--json");
      expect(code).toBe(1);
      const { servers } = JSON.parse(stdout) as FenceReportDocument;
      expect(servers.map(({ server, against, verdict }) => [server, against, verdict])).toEqual([
        [place(old), place(next), "transactions-only-here"],
        ["127.0.0.1:1", null, "unknown"],
      ]);
      expect(servers[1]?.why.join()).toContain("--against");
      const text = await node.report(place(old));
      expect(text.stdout).toContain("since 2026-11-21T03:00:12.418Z, replaced: DeadMaster\\x1b[31m");
      expect((await node.report("127.0.0.1:2")).stderr).toContain("is not fenced");
    } finally {
      await agent.close();
    }
    const quiet = await answering(node.agentSocket, { ok: true, fence: { fences: [] } });
    try {
      expect(await node.report()).toMatchObject({ code: 0, stdout: "No server is fenced.\n" });
    } finally {
      await quiet.close();
    }
    expect(await node.report()).toMatchObject({ code: 3 });
  });

  test("a login that is refused, or may not look into the binary logs, is told with what it takes", async () => {
    await grantReader(old, "USAGE");
    const blind = await node.compare(old, next);
    expect(blind).toMatchObject({ code: 1, verdict: "transactions-only-here", complete: false, count: null });
    expect(blind.notes.join(" ")).toMatch(/BINLOG MONITOR/);
    await grantReader(old, "BINLOG MONITOR, REPLICATION SLAVE");

    const stranger = new Console("wrong-password");
    try {
      const report = await stranger.compare(old, next);
      expect(report).toMatchObject({ code: 1, verdict: "unknown", unreachable: null });
      expect(report.why.join(" ")).toMatch(/refused user "fence".*mysql_password_file/);
      expect(JSON.stringify(report)).not.toContain("wrong-password");
    } finally {
      stranger.remove();
    }
  });

  test("a server that takes connections and never answers is given up", async () => {
    const mute = await silent();
    try {
      const began = Date.now();
      const report = await node.compare({ ...old, port: mute.port }, next);
      expect(report).toMatchObject({ code: 3, verdict: "unknown" });
      expect(report.unreachable).toContain("no answer within 5000 ms");
      expect(Date.now() - began).toBeLessThan(30_000);
    } finally {
      await mute.close();
    }
  });

  test("binary logs that are purged: that something is lost is known, and said that what it was is not", async () => {
    await old.query("FLUSH BINARY LOGS", "PURGE BINARY LOGS TO 'binlog.000004'");
    expect((await old.query("SHOW BINARY LOGS")).map(({ Log_name: name }) => name)).toContain(
      "binlog.000004",
    );
    const report = await node.compare(old, next);
    expect(report).toMatchObject({
      code: 1,
      verdict: "transactions-only-here",
      complete: false,
      count: null,
    });
    expect(report.notes.join(" ")).toContain("purged");
    expect(report.notes.join(" ")).toContain("cannot be known");
  });

  test("a new one whose binary logs were reset: it cannot be known", async () => {
    await next.query("RESET MASTER", "SET GLOBAL gtid_slave_pos=''");
    const report = await node.compare(old, next);
    expect(report).toMatchObject({ code: 1, verdict: "unknown" });
    expect(report.why.join(" ")).toContain("was reset");
  });
});

describeMariadb("pairs of other settings", () => {
  let servers: Mariadb[] = [];
  let node: Console;

  beforeEach(() => {
    node = new Console();
  });

  afterEach(async () => {
    await Promise.all(servers.map((one) => one.stop()));
    servers = [];
    node.remove();
  });

  async function start(...all: Parameters<typeof startReadable>[0][]): Promise<Mariadb[]> {
    servers = await Promise.all(all.map(startReadable));
    return servers;
  }

  test("gtid_strict_mode off: unknown, and what the numbers suggest", async () => {
    const [old, next] = (await start({ serverId: 1, strict: false }, { serverId: 2 })) as [Mariadb, Mariadb];
    await next.replicateFrom(old);
    await old.query("CREATE DATABASE d");
    await next.catchUpWith(old);
    const equal = await node.compare(old, next);
    expect(equal).toMatchObject({ code: 1, verdict: "unknown", ranges: [] });
    expect(equal.why.join(" ")).toContain("gtid_strict_mode is off on the old server");
    await next.query("STOP SLAVE");
    await old.query("CREATE TABLE d.t (i INT)");
    expect(await node.compare(old, next)).toMatchObject({ verdict: "unknown", gtids: ["0-1-2"] });
  }, 120_000);

  test.skipIf(noOpenssl)(
    "a server that demands TLS is spoken to with it (needs openssl)",
    async () => {
      const [key, certificate] = [join(node.dir, "key.pem"), join(node.dir, "cert.pem")];
      const request = ["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=x"];
      expect(spawnSync("openssl", [...request, "-keyout", key, "-out", certificate]).status).toBe(0);
      const args = [`--ssl-key=${key}`, `--ssl-cert=${certificate}`];
      const [old, next] = (await start({ serverId: 1, args }, { serverId: 2 })) as [Mariadb, Mariadb];
      await next.replicateFrom(old);
      await old.query(
        "CREATE DATABASE d",
        "SET sql_log_bin=0",
        `ALTER USER ${reader.user}@'127.0.0.1' REQUIRE SSL`,
      );
      await next.catchUpWith(old);
      expect(await node.compare(old, next)).toMatchObject({ code: 0, verdict: "nothing-lost" });
    },
    120_000,
  );

  test("no binary log on the old one: unknown", async () => {
    const [old, next] = (await start({ serverId: 1, logBin: false }, { serverId: 2 })) as [Mariadb, Mariadb];
    await old.query("CREATE DATABASE d");
    const report = await node.compare(old, next);
    expect(report).toMatchObject({ code: 1, verdict: "unknown", command: null });
    expect(report.why.join(" ")).toContain("log_bin is off");
  }, 120_000);
});

/** An agent that gives this answer to whatever it is asked. */
async function answering(path: string, answer: unknown): Promise<{ close(): Promise<void> }> {
  const server = createServer((socket) => {
    socket.on("error", () => undefined);
    socket.once("data", () => socket.end(`${JSON.stringify(answer)}\n`));
  });
  await listen(server, { path });
  return { close: () => new Promise((done) => server.close(() => done())) };
}

/** A server that takes connections and never says a word. */
async function silent(): Promise<{ readonly port: number; close(): Promise<void> }> {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on("error", () => undefined);
  });
  await listen(server, { host: "127.0.0.1", port: 0 });
  const address = server.address();
  return {
    port: typeof address === "object" && address !== null ? address.port : 0,
    close: () => {
      for (const socket of sockets) socket.destroy();
      return new Promise((done) => server.close(() => done()));
    },
  };
}

function listen(server: Server, where: { path: string } | { host: string; port: number }): Promise<void> {
  return new Promise((done, fail) => {
    server.once("error", fail);
    server.listen(where, () => done());
  });
}
