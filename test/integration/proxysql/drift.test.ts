import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { AdminClient } from "../../../src/proxysql/admin-client.js";
import { DriftFinder } from "../../../src/proxysql/drift.js";
import { type Proxysql, startProxysql, usesRealProxysql } from "../../support/proxysql.js";

/** One row and more of every kind of table that ProxySQL shows in another form in runtime than in memory. */
const rows = [
  "INSERT INTO mysql_servers(hostgroup_id,hostname,port) VALUES (10,'db1',3306),(20,'db2',3306),(30,'off',3306)",
  "UPDATE mysql_servers SET status='OFFLINE_HARD' WHERE hostname='off'",
  "INSERT INTO mysql_replication_hostgroups(writer_hostgroup,reader_hostgroup) VALUES (10,20)",
  "INSERT INTO mysql_users(username,password,default_hostgroup) VALUES ('u1','secret-1',10)",
  "INSERT INTO mysql_users(username,password,default_hostgroup,active) VALUES ('idle','p',10,0)",
  "INSERT INTO mysql_users(username,password,default_hostgroup,backend,frontend) VALUES ('fo','p',10,0,1),('bo','p',10,1,0)",
  "INSERT INTO mysql_query_rules(rule_id,active,digest,re_modifiers,match_pattern) VALUES (1,1,'0xabc','caseless,global','x'),(2,0,NULL,NULL,'y')",
  "INSERT INTO mysql_query_rules_fast_routing(username,schemaname,flagIN,destination_hostgroup,comment) VALUES ('u1','s',0,10,'')",
  "INSERT INTO scheduler(id,active,interval_ms,filename) VALUES (1,1,5000000,'/bin/true'),(2,0,5000000,'/bin/true')",
  "INSERT INTO mysql_hostgroup_attributes(hostgroup_id) VALUES (10)",
  "INSERT INTO proxysql_servers(hostname,port) VALUES ('127.0.0.1',9)",
];
const modules = ["MYSQL SERVERS", "MYSQL USERS", "MYSQL QUERY RULES", "SCHEDULER", "PROXYSQL SERVERS"];

const versions = usesRealProxysql ? [undefined] : ["2.5.5", "2.7.1", "3.0.0"];

describe.each(versions)("drift in ProxySQL %s", (version) => {
  let dir: string;
  let proxysql: Proxysql;
  let admin: AdminClient;
  let finder: DriftFinder;

  beforeAll(async () => {
    dir = mkdtempSync(join(tmpdir(), "drift-"));
    mkdirSync(join(dir, "data"));
    writeFileSync(join(dir, "password"), "admin\n");
    proxysql = await startProxysql({
      datadir: join(dir, "data"),
      ...(version === undefined ? {} : { version }),
    });
    admin = new AdminClient({
      host: "127.0.0.1",
      port: proxysql.adminPort,
      user: "admin",
      passwordFile: join(dir, "password"),
    });
    finder = new DriftFinder(admin);
  });

  afterAll(async () => {
    admin.disconnect();
    await proxysql.kill();
    rmSync(dir, { recursive: true, force: true });
  });

  async function run(...statements: string[]): Promise<void> {
    for (const sql of statements) await admin.exec(sql);
  }

  async function found(active = true): Promise<string[]> {
    const drifts = await finder.find("any", active);
    return drifts.map(
      ({ table, layer, rows: n, examples }) => `${layer} ${table} ${n} ${examples.join(",")}`,
    );
  }

  async function settle(): Promise<void> {
    for (const module of modules) await run(`LOAD ${module} TO RUNTIME`, `SAVE ${module} TO DISK`);
  }

  it("is none in a new one, nor after all was loaded and saved", async () => {
    expect(await found()).toEqual([]);
    // The stand-in's runtime_mysql_hostgroup_attributes of 2.5.5 is that of 2.7.1, which ends it.
    await run(...rows.filter((sql) => version !== "2.5.5" || !sql.includes("hostgroup_attributes")));
    expect(await found()).not.toEqual([]);
    await settle();
    expect(await found()).toEqual([]);
  });

  it("is what was changed in memory and not saved, loaded or not", async () => {
    await run("UPDATE mysql_servers SET weight=7 WHERE hostname='db1'");
    expect(await found()).toEqual(["memory mysql_servers 1 db1:3306"]);
    await run("LOAD MYSQL SERVERS TO RUNTIME");
    expect(await found()).toEqual(["memory mysql_servers 1 db1:3306"]);
    await run("SAVE MYSQL SERVERS TO DISK");
    expect(await found()).toEqual([]);
  });

  it("is what runs and is in memory no more, although memory and disk agree", async () => {
    await run(
      "INSERT INTO mysql_users(username,password,default_hostgroup) VALUES ('gone','p',10)",
      "INSERT INTO mysql_servers(hostgroup_id,hostname,port) VALUES (10,'gone',3306)",
      "LOAD MYSQL USERS TO RUNTIME",
      "LOAD MYSQL SERVERS TO RUNTIME",
      "LOAD MYSQL USERS FROM DISK",
      "LOAD MYSQL SERVERS FROM DISK",
    );
    expect((await found()).sort()).toEqual([
      "runtime mysql_servers 1 gone:3306",
      "runtime mysql_users 2 gone",
    ]);
    await settle();
    expect(await found()).toEqual([]);
  });

  it("is what was saved and does not run", async () => {
    await run(
      "UPDATE mysql_query_rules SET destination_hostgroup=20 WHERE rule_id=1",
      "SAVE MYSQL QUERY RULES TO DISK",
    );
    expect(await found()).toEqual(["runtime mysql_query_rules 1 1"]);
    await settle();
    expect(await found()).toEqual([]);
  });

  it("tells variables by their name and never by their value", async () => {
    await run("SET mysql-monitor_password='very-secret'");
    expect((await found()).sort()).toEqual([
      "memory mysql-variables 1 mysql-monitor_password",
      "runtime mysql-variables 1 mysql-monitor_password",
    ]);
    await run("LOAD MYSQL VARIABLES TO RUNTIME");
    expect(await found()).toEqual(["memory mysql-variables 1 mysql-monitor_password"]);
    await run("SAVE MYSQL VARIABLES TO DISK");
    expect(await found()).toEqual([]);
  });

  it("is not what the monitor does to servers: another hostgroup of the pair, shunned", async () => {
    // In memory, as the monitor of 2.5.0 does it, and as SAVE FROM RUNTIME brings it there from later ones.
    await run(
      "UPDATE mysql_servers SET hostgroup_id=20 WHERE hostname='db1'",
      "LOAD MYSQL SERVERS TO RUNTIME",
    );
    expect(await found()).toEqual([]);
    await run("UPDATE mysql_servers SET hostgroup_id=40 WHERE hostname='db1'");
    expect(await found()).toEqual(["memory mysql_servers 1 db1:3306"]);
    await run("LOAD MYSQL SERVERS FROM DISK", "LOAD MYSQL SERVERS TO RUNTIME");
    expect(await found()).toEqual([]);
  });

  it("is not a hushed scheduler on the passive node, but one on the active node", async () => {
    await run("DELETE FROM scheduler", "LOAD SCHEDULER TO RUNTIME", "LOAD SCHEDULER FROM DISK");
    expect(await found(false)).toEqual([]);
    expect(await found(true)).toEqual(["runtime scheduler 2 1,2"]);
    await settle();
  });

  it("costs little where there is none", async () => {
    await found();
    const began = process.cpuUsage();
    for (let n = 0; n < 20; n += 1) await found();
    const { user, system } = process.cpuUsage(began);
    expect((user + system) / 20 / 1_000).toBeLessThan(20);
  });
});
