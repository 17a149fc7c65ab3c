import { expect, test } from "vitest";
import type { AdminClient } from "../../support/admin-client.js";
import { makeScratch } from "./scratch.js";

/** A row for each table of the module (lib/ProxySQL_Admin.cpp:111-119), and the column that names it. */
const TABLES = [
  ["mysql_servers", "hostgroup_id,hostname", "1,'one'", "hostgroup_id"],
  ["mysql_replication_hostgroups", "writer_hostgroup,reader_hostgroup", "1,2", "writer_hostgroup"],
  [
    "mysql_group_replication_hostgroups",
    "writer_hostgroup,backup_writer_hostgroup,reader_hostgroup,offline_hostgroup",
    "11,12,13,14",
    "writer_hostgroup",
  ],
  [
    "mysql_galera_hostgroups",
    "writer_hostgroup,backup_writer_hostgroup,reader_hostgroup,offline_hostgroup",
    "21,22,23,24",
    "writer_hostgroup",
  ],
  [
    "mysql_aws_aurora_hostgroups",
    "writer_hostgroup,reader_hostgroup,domain_name",
    "31,32,'.example.com'",
    "writer_hostgroup",
  ],
  ["mysql_hostgroup_attributes", "hostgroup_id", "1", "hostgroup_id"],
  ["mysql_servers_ssl_params", "hostname,port", "'one',3306", "port"],
] as const;

async function counts(admin: AdminClient, prefix: string): Promise<number[]> {
  const found: number[] = [];
  for (const [table, , , column] of TABLES) {
    found.push((await admin.rows(`SELECT ${column} FROM ${prefix}${table}`)).length);
  }
  return found;
}

const ALL = TABLES.map(() => 1);
const NONE = TABLES.map(() => 0);

test("LOAD and SAVE move all seven tables of MYSQL SERVERS, between all layers", async () => {
  const scratch = makeScratch();
  const admin = await scratch.admin(await scratch.start());
  const empty = async (schema: string) => {
    for (const [table] of TABLES) await admin.run(`DELETE FROM ${schema}.${table}`);
  };
  for (const [table, columns, values] of TABLES) {
    await admin.run(`INSERT INTO ${table} (${columns}) VALUES (${values})`);
  }
  expect(await counts(admin, "runtime_")).toEqual(NONE);
  await admin.run("LOAD MYSQL SERVERS TO RUNTIME");
  expect(await counts(admin, "runtime_")).toEqual(ALL);
  await empty("main");
  await admin.run("SAVE MYSQL SERVERS FROM RUNTIME");
  expect(await counts(admin, "main.")).toEqual(ALL);
  expect(await counts(admin, "disk.")).toEqual(NONE);
  await admin.run("SAVE MYSQL SERVERS TO DISK");
  expect(await counts(admin, "disk.")).toEqual(ALL);
  await empty("main");
  await admin.run("LOAD MYSQL SERVERS FROM DISK");
  expect(await counts(admin, "main.")).toEqual(ALL);
  await empty("main");
  await admin.run("LOAD MYSQL SERVERS TO RUNTIME");
  expect(await counts(admin, "runtime_")).toEqual(NONE);
});

test("main and disk are written apart through the admin, and EXCEPT tells them from each other", async () => {
  const scratch = makeScratch();
  const admin = await scratch.admin(await scratch.start());
  const differing = (one: string, two: string) =>
    admin.rows(
      `SELECT hostname,status FROM (SELECT * FROM ${one}mysql_servers EXCEPT SELECT * FROM ${two}mysql_servers)`,
    );
  await admin.run("INSERT INTO main.mysql_servers (hostgroup_id,hostname) VALUES (1,'a'),(1,'b')");
  await admin.run("SAVE MYSQL SERVERS TO DISK");
  await admin.run("LOAD MYSQL SERVERS TO RUNTIME");
  for (const [one, two] of [
    ["main.", "disk."],
    ["main.", "runtime_"],
    ["disk.", "runtime_"],
  ] as const) {
    expect(await differing(one, two)).toEqual([]);
    expect(await differing(two, one)).toEqual([]);
  }
  expect(
    await admin.ask("UPDATE disk.mysql_servers SET status='OFFLINE_SOFT' WHERE hostname='a'"),
  ).toMatchObject({ ok: { affectedRows: 1 } });
  expect(await differing("disk.", "main.")).toEqual([["a", "OFFLINE_SOFT"]]);
  expect(await differing("main.", "runtime_")).toEqual([]);
  await admin.run("UPDATE main.mysql_servers SET status='OFFLINE_SOFT' WHERE hostname='b' AND port=3306");
  expect(await differing("main.", "runtime_")).toEqual([["b", "OFFLINE_SOFT"]]);
  await admin.run("DELETE FROM disk.mysql_servers WHERE hostname='b'");
  await admin.run("INSERT INTO disk.mysql_servers (hostgroup_id,hostname) VALUES (2,'c')");
  await admin.run("LOAD MYSQL SERVERS FROM DISK");
  expect(await admin.rows("SELECT hostname,status FROM main.mysql_servers ORDER BY 1")).toEqual([
    ["a", "OFFLINE_SOFT"],
    ["c", "ONLINE"],
  ]);
  expect(await differing("runtime_", "main.")).toEqual([
    ["a", "ONLINE"],
    ["b", "ONLINE"],
  ]);
});
