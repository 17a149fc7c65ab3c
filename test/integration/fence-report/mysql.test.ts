import { once } from "node:events";
import { type AddressInfo, createServer } from "node:net";
import { afterEach, describe, expect, it } from "vitest";
import { reportServer, type ServerPlace } from "../../../src/fence/report-servers.js";
import { Session } from "../../support/proxysql-standin/session.js";

const a = "3e11fa47-71ca-11e1-9e33-c80aa9429562";
const b = "4e11fa47-71ca-11e1-9e33-c80aa9429562";

/** What a MySQL 8.4 answers, as its manual has it: the first text that a statement begins with counts. */
type Answers = Readonly<Record<string, readonly Readonly<Record<string, string>>[]>>;

function variables(values: Readonly<Record<string, string>>): Answers[string] {
  return Object.entries(values).map(([name, value]) => ({ Variable_name: name, Value: value }));
}

function mysql(uuid: string, executed: string, more: Answers = {}): Answers {
  return {
    "SELECT @@version": [{ value: "8.4.3" }],
    "SHOW GLOBAL VARIABLES": variables({
      server_id: "1",
      server_uuid: uuid,
      log_bin: "ON",
      read_only: "ON",
      sync_binlog: "1",
      gtid_mode: "ON",
    }),
    "SELECT @@GLOBAL.gtid_executed AS value": [{ value: executed }],
    "SELECT @@GLOBAL.gtid_executed AS executed": [{ executed, purged: "" }],
    ...more,
  };
}

function event(type: string, pos: number, end: number, info: string): Readonly<Record<string, string>> {
  const numbers = { Pos: String(pos), Server_id: "1", End_log_pos: String(end) };
  return { Log_name: "binlog.000001", Event_type: type, Info: info, ...numbers };
}

const closing: (() => void)[] = [];

/** A server of the text protocol that knows these answers and no others. It offers no TLS. */
async function start(answers: Answers): Promise<ServerPlace> {
  const sessions = new Set<Session>();
  const server = createServer((socket) => {
    const session = new Session(socket, {
      serverVersion: () => "8.4.3",
      authenticate: (_, passwordFits) =>
        passwordFits(login.password)
          ? undefined
          : { kind: "error", code: 1045, sqlState: "28000", message: "Access denied" },
      query: async (_, sql) => {
        const rows = Object.entries(answers).find(([begin]) => sql.startsWith(begin))?.[1];
        if (rows === undefined)
          return { kind: "error", code: 1227, sqlState: "42000", message: "Access denied; you need more" };
        const columns = Object.keys(rows[0] ?? {});
        return { kind: "rows", columns, rows: rows.map((row) => columns.map((name) => row[name] ?? null)) };
      },
      closed: () => void sessions.delete(session),
    });
    sessions.add(session);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  closing.push(() => {
    for (const session of sessions) session.destroy();
    server.close();
  });
  return { host: "127.0.0.1", port: (server.address() as AddressInfo).port };
}

afterEach(() => {
  for (const close of closing.splice(0)) close();
});

const login = { user: "fence", password: "secret" };

describe("two MySQL servers, by a stand-in that answers as the manual says", () => {
  it("names what only the old one has, with tags, and the command", async () => {
    const old = await start(
      mysql(a, `${a}:1-12:backup:1`, {
        "SHOW BINARY LOGS": [{ Log_name: "binlog.000001", File_size: "999", Encrypted: "No" }],
        "SHOW BINLOG EVENTS IN 'binlog.000001' LIMIT": [
          event("Format_desc", 4, 127, "Server ver: 8.4.3, Binlog ver: 4"),
          event("Previous_gtids", 127, 198, `${a}:1-9`),
        ],
        "SHOW BINLOG EVENTS IN 'binlog.000001' FROM": [
          event("Format_desc", 4, 127, "Server ver: 8.4.3, Binlog ver: 4"),
          event("Previous_gtids", 127, 198, `${a}:1-9`),
          event("Gtid", 198, 275, `SET @@SESSION.GTID_NEXT= '${a}:10'`),
          event("Query", 275, 400, "create table t (i int)"),
          event("Gtid", 400, 477, `SET @@SESSION.GTID_NEXT= '${a}:11'`),
          event("Query", 477, 550, "BEGIN"),
          event("Xid", 550, 581, "COMMIT /* xid=1 */"),
          event("Gtid", 581, 660, `SET @@SESSION.GTID_NEXT= '${a}:12'`),
          event("Query", 660, 700, "drop table t"),
          event("Gtid_tagged", 700, 780, `SET @@SESSION.GTID_NEXT= '${a}:backup:1'`),
          event("Query", 780, 800, "create table u (i int)"),
          event("Rotate", 800, 850, "binlog.000002;pos=4"),
        ],
      }),
    );
    const next = await start(mysql(b, `${a}:1-10,\n${b}:1-3`));
    const report = await reportServer(old, next, login);
    expect(report).toMatchObject({
      verdict: "transactions-only-here",
      why: [],
      notes: [],
      count: "3",
      complete: true,
      unreachable: null,
      version: "8.4.3",
      gtids: [`${a}:11`, `${a}:12`, `${a}:backup:1`],
    });
    expect(report.logs[0]).toMatchObject({
      first: { position: 400, end: 581 },
      last: { position: 700, end: 800 },
    });
    expect(report.command).toBe(
      `mysqlbinlog --read-from-remote-server --host=127.0.0.1 --port=${old.port} --user=fence --password --verbose --include-gtids=${a}:11-12,${a}:backup:1 binlog.000001`,
    );
  });

  it("still tells that something is lost if the binary logs may not be read, and what that takes", async () => {
    const old = await start(mysql(a, `${a}:1-12`));
    const report = await reportServer(old, await start(mysql(b, `${a}:1-10`)), login);
    expect(report).toMatchObject({
      verdict: "transactions-only-here",
      count: "2",
      complete: false,
      command: null,
    });
    expect(report.notes.join()).toContain("REPLICATION CLIENT");
    expect(JSON.stringify(report)).not.toContain("secret");
  });

  it("refuses a binary log of which the name is none: it would go into a command", async () => {
    const logs = [{ Log_name: "--result-file=/etc/passwd", File_size: "1" }];
    const old = await start(mysql(a, `${a}:1-12`, { "SHOW BINARY LOGS": logs }));
    const report = await reportServer(old, await start(mysql(b, `${a}:1-10`)), login);
    expect(report).toMatchObject({ verdict: "transactions-only-here", logs: [], command: null });
    expect(report.notes.join()).toContain("no name of a file");
  });

  it("does not compare a MySQL with a MariaDB", async () => {
    const mariadb = await start({
      "SELECT @@version": [{ value: "10.11.19-MariaDB" }],
      "SHOW GLOBAL VARIABLES": variables({ server_id: "2", log_bin: "ON", gtid_strict_mode: "ON" }),
      "SELECT @@GLOBAL.gtid_binlog_state": [{ state: "0-1-5", pos: "0-1-5", slave: "" }],
    });
    const report = await reportServer(await start(mysql(a, `${a}:1-12`)), mariadb, login);
    expect(report).toMatchObject({ verdict: "unknown", count: "0" });
    expect(report.why.join()).toContain("cannot be compared");
  });

  it("takes an answer that is no GTIDs for what it is", async () => {
    const old = await start(mysql(a, "<html>\u001b[2J"));
    const report = await reportServer(old, await start(mysql(b, `${a}:1-10`)), login);
    expect(report.verdict).toBe("unknown");
    expect(report.why.join()).toContain("Not a GTID set of MySQL");
  });
});
