import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, describe, expect, it, onTestFinished } from "vitest";
import { type DrillResult, drill } from "../../../src/snapshot/drill.js";
import { scratch } from "../../../src/snapshot/test-fixtures.js";
import { connectAdmin } from "../../support/admin-client.js";
import { until } from "../../support/pair/pair.js";
import { freePort, startProxysql, usesRealProxysql } from "../../support/proxysql.js";
import {
  hasProc,
  listensOn,
  type Prepared,
  prepare,
  processesOf,
  proxysqlProgram,
  script,
  tampering,
} from "./drill-harness.js";

/** For starts that never come: long enough that a slow machine's ProxySQL would have come. */
const neverMs = 2_000;
/** A whole drill on a machine that has much else to do. */
const patience = 90_000;

const users = `INSERT INTO mysql_users(username,password,default_hostgroup) VALUES ('report','geheim1',20)`;
const rich = [
  users,
  "INSERT INTO mysql_users(username,password,active) VALUES ('gone','x',0)",
  "INSERT INTO mysql_servers(hostgroup_id,hostname,port,status) VALUES (10,'old',3306,'OFFLINE_HARD'), (20,'fenced',3306,'OFFLINE_SOFT'), (20,'shy',3306,'SHUNNED')",
  "INSERT INTO mysql_query_rules(rule_id,active,match_digest,destination_hostgroup,apply) VALUES (901,1,'^SELECT',20,1), (902,0,'^SELECT',20,1)",
  "INSERT INTO mysql_query_rules_fast_routing(username,schemaname,flagIN,destination_hostgroup,comment) VALUES ('app','s',0,10,'')",
  "INSERT INTO mysql_galera_hostgroups(writer_hostgroup,backup_writer_hostgroup,reader_hostgroup,offline_hostgroup,active) VALUES (100,101,102,103,0), (110,111,112,113,1)",
  "INSERT INTO mysql_firewall_whitelist_users(active,username,client_address,mode,comment) VALUES (1,'app','','DETECTING','')",
];

/** Writes a table's name in its definition with quotes, as SQLite does when a table is renamed. ProxySQL compares texts. */
function redefine(table: string): string[] {
  return [`ALTER TABLE ${table} RENAME TO other`, `ALTER TABLE other RENAME TO ${table}`];
}

const made: Prepared[] = [];
async function prepared(...given: Parameters<typeof prepare>): Promise<Prepared> {
  const one = await prepare(...given);
  made.push(one);
  return one;
}

async function drillWith(...given: Parameters<typeof prepare>): Promise<DrillResult> {
  return drill((await prepared(...given)).options);
}

/** A program that is not ProxySQL. */
function program(text: string): string {
  return script(scratch(), "program", `#!/bin/sh\n${text}\n`);
}

afterEach(async () => {
  for (const { dir } of made.splice(0)) {
    if (hasProc) await until("no process is left", async () => processesOf(dir).length === 0, 5_000);
  }
});

describe("a drill of a good snapshot", { timeout: patience }, () => {
  it("passes, and tells how long it took", async () => {
    const result = await drillWith(rich);

    expect(result).toEqual({
      ok: true,
      why: null,
      startMs: expect.any(Number),
      ms: expect.any(Number),
      firstDeath: null,
    });
    expect(result.startMs).toBeGreaterThan(0);
    expect(result.ms).toBeGreaterThan(result.startMs ?? 0);
  });

  it("passes with what an upgrade left behind, which no ProxySQL serves", async () => {
    expect(
      await drillWith(["CREATE TABLE mysql_servers_v200c AS SELECT * FROM mysql_servers"]),
    ).toMatchObject({ ok: true });
  });

  it("passes when ProxySQL dies of itself at its first start and not again, and tells that", async () => {
    const dir = scratch();
    const dying = script(
      dir,
      "dying",
      `#!/bin/sh\nif mkdir '${dir}/died' 2>/dev/null; then kill -SEGV $$; fi\nexec '${proxysqlProgram(dir)}' "$@"\n`,
    );

    expect(await drillWith([], { program: dying })).toMatchObject({
      ok: true,
      why: null,
      firstDeath: expect.stringMatching(/^ProxySQL ended by itself by SIGSEGV after /),
    });
  });

  it.skipIf(!hasProc)("touches nothing of the ProxySQL that runs beside it", async () => {
    const dir = scratch();
    const datadir = join(dir, "data");
    mkdirSync(datadir);
    const [rest, web] = [await freePort(), await freePort()];
    const socket = join(dir, "admin.sock");
    const live = await startProxysql({ datadir, adminSocket: socket });
    onTestFinished(async () => void (await live.kill()));
    const marker = join(dir, "marker");
    const job = script(dir, "job", `#!/bin/sh\necho ran >>'${marker}'\n`);
    const set = (name: string, value: string | number): string =>
      `INSERT OR REPLACE INTO global_variables VALUES ('${name}', '${value}')`;

    const { options, dir: mine } = await prepared([
      set("admin-mysql_ifaces", `127.0.0.1:${live.adminPort};${socket}`),
      set("mysql-interfaces", `127.0.0.1:${live.clientPort}`),
      set("admin-restapi_enabled", "true"),
      set("admin-restapi_port", rest),
      set("admin-web_enabled", "true"),
      set("admin-web_port", web),
      set("mysql-eventslog_filename", join(datadir, "events.log")),
      set("mysql-auditlog_filename", join(datadir, "audit.log")),
      set("mysql-monitor_enabled", "true"),
      `INSERT INTO scheduler(interval_ms,filename) VALUES (100,'${job}')`,
      `INSERT INTO restapi_routes(timeout_ms,method,uri,script) VALUES (1000,'GET','x','${job}')`,
      `INSERT INTO proxysql_servers(hostname,port) VALUES ('127.0.0.1',${live.adminPort})`,
    ]);
    const inode = statSync(socket).ino;
    const files = () => readdirSync(datadir).map((name) => `${name} ${statSync(join(datadir, name)).ino}`);
    const names = files();
    const ports = new Set<number>();
    let served = false;
    let over = false;
    const watch = (async () => {
      while (!over) {
        served ||= existsSync(join(options.scratch, "data/client.sock"));
        for (const pid of processesOf(mine)) for (const port of listensOn(pid)) ports.add(port);
        await sleep(5);
      }
    })();
    const result = await drill(options);
    over = true;
    await watch;

    expect(result).toMatchObject({ ok: true, why: null });
    expect(served).toBe(true);
    expect([...ports]).toEqual([]);
    expect(existsSync(marker)).toBe(false);
    expect(files()).toEqual(names);
    expect(statSync(socket).ino).toBe(inode);
    expect(live.process.exitCode).toBe(null);
    const admin = await connectAdmin({ port: live.adminPort, timeout: 5_000 });
    expect(await admin.rows("SELECT count(*) FROM runtime_mysql_servers")).toEqual([["0"]]);
    admin.close();
  });
});

describe("a drill that fails tells why", { timeout: patience }, () => {
  it("when there is no program", async () => {
    const result = await drillWith([], { program: "/nonexistent/proxysql" });

    expect(result).toMatchObject({ ok: false, startMs: null });
    expect(result.why).toMatch(/^There is no program \/nonexistent\/proxysql \(ENOENT\)/);
  });

  it("when the program is none", async () => {
    const file = join(scratch(), "text");
    writeFileSync(file, "", { mode: 0o644 });

    expect((await drillWith([], { program: file })).why).toBe(`${file} is no program that can be run.`);
  });

  it("when the system cannot run the program", async () => {
    const broken = script(scratch(), "broken", "#!/nonexistent/interpreter\n");

    expect((await drillWith([], { program: broken })).why).toMatch(
      /^\S+broken cannot be run\. Its last words: /,
    );
  });

  it("when ProxySQL ends at once, with 0 as it does when it cannot open its database", async () => {
    const result = await drillWith([], { program: program("echo 'the files are not good'; exit 0") });

    expect(result.why).toMatch(
      /^ProxySQL ended by itself with code 0 after \d+ ms\. Its last words: the files are not good$/,
    );
  });

  it("when a signal ends ProxySQL", async () => {
    expect((await drillWith([], { program: program("kill -ABRT $$") })).why).toMatch(
      /^ProxySQL ended by itself by SIGABRT after /,
    );
  });

  it("and never tells a password that ProxySQL said", async () => {
    const result = await drillWith([users], { program: program("echo 'user report has geheim1'; exit 1") });

    expect(result.why).toMatch(/^ProxySQL ended by itself with code 1 after \d+ ms\.$/);
  });

  it("when ProxySQL never answers, and does not let itself be stopped", async () => {
    const deaf = program("trap '' TERM\nsleep 1000 &\nwhile :; do sleep 1; done");
    const result = await drillWith([], { program: deaf, startTimeoutMs: neverMs });

    expect(result.why).toBe(`ProxySQL's admin did not answer within ${neverMs} ms.`);
  });

  it("when ProxySQL serves other content", async () => {
    const tampered = tampering(
      scratch(),
      "UPDATE mysql_servers SET weight = 7 WHERE hostname = 'db1.example'",
    );
    const result = await drillWith([], { program: tampered });

    expect(result.why).toBe(
      "ProxySQL has other content than the snapshot: mysql_servers lacks 1 row (10:db1.example:3306); " +
        "mysql_servers has, and the snapshot has not, 1 row (10:db1.example:3306).",
    );
  });

  it("when a variable is another, by its name alone", async () => {
    const tampered = tampering(
      scratch(),
      "UPDATE global_variables SET variable_value = 'other' WHERE variable_name = 'mysql-monitor_password'",
    );

    expect((await drillWith([], { program: tampered })).why).toBe(
      "ProxySQL has other content than the snapshot: the variable mysql-monitor_password has another value.",
    );
  });

  it("when a table is defined otherwise and ProxySQL drops it without a word", async () => {
    const result = await drillWith(redefine("mysql_users"));

    expect(result.why).toBe("ProxySQL has other content than the snapshot: mysql_users lacks 1 row (app:1).");
  });

  it("when jobs, which it does not load itself, would have been dropped", async () => {
    const result = await drillWith([
      "INSERT INTO scheduler(interval_ms,filename) VALUES (60000,'/usr/bin/true')",
      ...redefine("scheduler"),
    ]);

    expect(result.why).toBe(
      "ProxySQL has other content than the snapshot: scheduler is defined otherwise and was dropped.",
    );
  });

  it("before it starts ProxySQL on variables that it would drop, and with them where to listen", async () => {
    const started = join(scratch(), "started");
    const result = await drillWith(redefine("global_variables"), {
      program: program(`echo >'${started}'`),
    });

    expect(result.why).toMatch(/^The snapshot's global_variables is not defined as ProxySQL defines it/);
    expect(existsSync(started)).toBe(false);
  });

  it.skipIf(usesRealProxysql)("when ProxySQL runs and its client port is closed", async () => {
    const result = await drillWith(["UPDATE mysql_servers SET comment = 'standin:deaf'"], {
      startTimeoutMs: 2 * neverMs,
    });

    expect(result.why).toMatch(/^ProxySQL runs and does not serve clients: /);
  });

  it.skipIf(usesRealProxysql)("when servers that are loaded do not run", async () => {
    const result = await drillWith(
      ["UPDATE mysql_servers SET comment = 'standin:lose' WHERE hostgroup_id = 10"],
      { startTimeoutMs: 2 * neverMs },
    );

    expect(result.why).toMatch(
      /^ProxySQL does not run what the snapshot has: .*mysql_servers.*10:db1\.example/,
    );
  });

  it.skipIf(usesRealProxysql)("when ProxySQL dies of the content", async () => {
    const result = await drillWith(["UPDATE mysql_servers SET comment = 'standin:die'"]);

    expect(result.why).toMatch(/^ProxySQL ended by itself by SIGABRT after /);
  });
});

describe("a drill", { timeout: patience }, () => {
  it("is given up at once, and leaves nothing", async () => {
    const giveUp = new AbortController();
    const { dir, options } = await prepared([], {
      program: program("trap '' TERM\nsleep 1000 &\nwhile :; do sleep 1; done"),
      signal: giveUp.signal,
    });
    const running = drill(options);
    const refused = expect(running).rejects.toThrow("The drill was given up");
    if (hasProc) await until("it runs", async () => processesOf(dir).length > 0);
    else await sleep(500);
    const began = performance.now();
    giveUp.abort();

    await refused;
    // A polite stop alone would take five seconds.
    expect(performance.now() - began).toBeLessThan(4_000);
  });

  it("says so when its socket's path is longer than systems take, and starts nothing", async () => {
    const { dir, options } = await prepared();
    const long = join(dir, "x".repeat(100));
    mkdirSync(long);

    await expect(drill({ ...options, scratch: long })).rejects.toThrow("[node] state_dir is too long");
  });

  it.skipIf(process.geteuid?.() !== 0)(
    "runs as ProxySQL's user, in a directory closed to others",
    async () => {
      // Every parent must let that user pass.
      const dir = scratch();
      chmodSync(dir, 0o755);
      const nobody = { uid: 65_534, gid: 65_534 };
      const seen = join(dir, "seen");
      writeFileSync(seen, "", { mode: 0o666 });
      chmodSync(seen, 0o666);
      const looking = [
        "#!/bin/sh",
        'while [ "$1" != -D ]; do shift; done',
        `exec >'${seen}' 2>/dev/null`,
        "id -u; id -g; id -G",
        'cat "$2/proxysql.db" "$2/../proxysql.cnf" "$2/../../unpacked/proxysql.db" >/dev/null && echo reads its files',
        'touch "$2/own" && echo writes its directory',
        'cat "$2/../admin.password" && echo reads our password',
        'touch "$2/../foreign" && echo writes ours',
        "",
      ];
      const { dir: mine, options } = await prepared([], { owner: nobody });
      chmodSync(mine, 0o755);
      await drill({ ...options, program: script(dir, "looking", looking.join("\n")) });

      expect(readFileSync(seen, "utf8").split("\n")).toEqual([
        "65534",
        "65534",
        "65534",
        "reads its files",
        "writes its directory",
        "",
      ]);
      const closed = [options.scratch, options.unpackedDir, join(options.scratch, "data")];
      expect(closed.map((path) => (statSync(path).mode & 0o777).toString(8))).toEqual(["710", "710", "700"]);
    },
  );
});
