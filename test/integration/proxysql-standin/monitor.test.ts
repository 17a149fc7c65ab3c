import { describe, expect, test } from "vitest";
import { usesRealProxysql } from "../../support/proxysql.js";
import { until } from "./scratch.js";
import { effective, nextLook, openShop, type Shop } from "./shop.js";

const RO = { readOnly: true };
const RW = { readOnly: false };
const fence = (host: string) => `UPDATE mysql_servers SET status='OFFLINE_SOFT' WHERE hostname='${host}'`;

async function memory(shop: Shop): Promise<string[]> {
  const rows = await shop.admin.rows(
    "SELECT hostgroup_id, hostname, status FROM mysql_servers ORDER BY 1, 2",
  );
  return rows.map((row) => row.join(" "));
}

async function load(shop: Shop, ...changes: string[]): Promise<void> {
  for (const change of changes) await shop.admin.run(change);
  await shop.admin.run("LOAD MYSQL SERVERS TO RUNTIME");
}

describe.skipIf(usesRealProxysql)(
  "the read_only monitor (skipped with PROXYSQL_BIN: it has no such servers)",
  () => {
    test("moves a failed-over writer in runtime alone, with a new checksum of the same version", async () => {
      const shop = await openShop();
      const sums = () =>
        shop.admin.rows(
          "SELECT version, checksum FROM runtime_checksums_values WHERE name='mysql_servers' " +
            "UNION ALL SELECT version, checksum FROM runtime_checksums_values WHERE name='mysql_servers_v2'",
        );
      const [before, configured] = await sums();
      const kept = await memory(shop);
      shop.monitor({ "db1:3306": RO, "db2:3306": RW, "db3:3306": RO });
      await shop.reaches(["10 db2", "20 db1", "20 db2", "20 db3"]);
      const [after, same] = await sums();
      expect(after?.[0]).toBe(before?.[0]);
      expect(after?.[1]).not.toBe(before?.[1]);
      expect(same).toEqual(configured);
      expect(await memory(shop)).toEqual(kept);
      expect(shop.changes().at(-1)?.cause).toBe("monitor");
    });

    test("T1, T6: a server fenced in all its rows is not looked at, and nothing moves", async () => {
      const shop = await openShop();
      await load(shop, "INSERT INTO mysql_servers (hostgroup_id,hostname) VALUES (20,'db1')", fence("db1"));
      const fenced = ["10 db1 SOFT", "20 db1 SOFT", "20 db2", "20 db3"];
      await shop.reaches(fenced);
      for (const answer of [RW, RO]) {
        await nextLook(shop, { "db1:3306": answer });
        expect(effective(shop.changes().at(-1))).toEqual(fenced);
      }
    });

    test("T2: a LOAD from stale memory takes the new master away, until the next look", async () => {
      const shop = await openShop();
      const all = { "db1:3306": RO, "db2:3306": RW, "db3:3306": RO };
      await load(shop, fence("db1"));
      shop.monitor(all);
      await shop.reaches(["10 db1 SOFT", "10 db2", "20 db2", "20 db3"]);
      const client = await shop.client();
      await client.run("BEGIN");
      const seen = shop.changes().length;
      await load(shop, "UPDATE mysql_servers SET status='ONLINE' WHERE hostname='db1'");
      await shop.reaches(["10 db2", "20 db1", "20 db2", "20 db3"]);
      const [stale, healed] = shop.changes().slice(seen);
      expect(stale?.cause).toBe("load");
      expect(effective(stale)).toEqual(["10 db1", "20 db2", "20 db3"]);
      expect(healed?.cause).toBe("monitor");
      expect(await client.ask("SELECT 1")).toHaveProperty("error");
    });

    test("T2 does not happen to memory that was refreshed from runtime first", async () => {
      const shop = await openShop();
      await load(shop, fence("db1"));
      shop.monitor({ "db1:3306": RO, "db2:3306": RW, "db3:3306": RO });
      await shop.reaches(["10 db1 SOFT", "10 db2", "20 db2", "20 db3"]);
      const client = await shop.client();
      await client.run("BEGIN");
      await shop.admin.run("SAVE MYSQL SERVERS FROM RUNTIME");
      await load(shop, fence("db3"));
      await shop.reaches(["10 db1 SOFT", "10 db2", "20 db2", "20 db3 SOFT"]);
      expect(await client.rows("SELECT @@hostname")).toEqual([["db2"]]);
      client.close();
    });

    test("T5: a fence on the writer row alone is undone by a flip of read_only", async () => {
      const shop = await openShop();
      await load(
        shop,
        "INSERT INTO mysql_servers (hostgroup_id,hostname) VALUES (20,'db1')",
        `${fence("db1")} AND hostgroup_id=10`,
      );
      await nextLook(shop, { "db1:3306": RW });
      expect(effective(shop.changes().at(-1))).toEqual(["10 db1 SOFT", "20 db1", "20 db2", "20 db3"]);
      shop.monitor({ "db1:3306": RO });
      await shop.reaches(["20 db1", "20 db2", "20 db3"]);
      shop.monitor({ "db1:3306": RW });
      await shop.reaches(["10 db1", "20 db1", "20 db2", "20 db3"]);
    });

    test.each([
      ["with its status", true, "10 db9 SOFT"],
      ["ONLINE onto a remnant that nobody has looked at", false, "10 db9"],
    ])("copies a reader %s", async (_how, looked, expected) => {
      // In a second pair the server is ONLINE, so that it is looked at.
      const shop = await openShop(
        `INSERT INTO mysql_replication_hostgroups (writer_hostgroup,reader_hostgroup) VALUES (30,40);
         INSERT INTO mysql_servers (hostgroup_id,hostname,status)
         VALUES (10,'db9','ONLINE'),(20,'db9','OFFLINE_SOFT'),(40,'db9','ONLINE')`,
      );
      await load(
        shop,
        "UPDATE mysql_servers SET status='OFFLINE_HARD' WHERE hostname='db9' AND hostgroup_id=10",
      );
      if (looked) await shop.admin.run("SELECT * FROM runtime_mysql_servers");
      shop.monitor({ "db9:3306": RW });
      const rest = ["20 db2", "20 db3", "20 db9 SOFT", "30 db9", "40 db9"];
      await shop.reaches(["10 db1", expected, ...rest]);
    });

    test.each([
      ["keeps the remnant of a writer that a session still held", true, "10 db9"],
      ["keeps no remnant of a writer that nobody held", false, "10 db9 SOFT"],
    ])("%s", async (_what, held, expected) => {
      const shop = await openShop(
        `INSERT INTO mysql_replication_hostgroups (writer_hostgroup,reader_hostgroup) VALUES (30,40);
         UPDATE mysql_servers SET hostname='db9' WHERE hostname='db1';
         INSERT INTO mysql_servers (hostgroup_id,hostname,status)
         VALUES (20,'db9','OFFLINE_SOFT'),(40,'db9','ONLINE')`,
      );
      const client = await shop.client();
      if (held) await client.run("BEGIN");
      shop.monitor({ "db9:3306": RO });
      await shop.reaches(["20 db2", "20 db3", "20 db9 SOFT", "40 db9"]);
      if (held) await until("the session to end", async () => "error" in (await client.ask("SELECT 1")));
      shop.monitor({ "db9:3306": RW });
      await shop.reaches([expected, "20 db2", "20 db3", "20 db9 SOFT", "30 db9", "40 db9"]);
      client.close();
    });

    test("takes a server for read_only after three timeouts, and not before", async () => {
      const shop = await openShop();
      shop.monitor({ "db1:3306": { alive: false, readOnly: false } });
      await shop.reaches(["20 db1", "20 db2", "20 db3"]);
      await until("the log", () => shop.log().includes("Assuming read_only=1"));
      const [before = ""] = shop.log().split("Assuming read_only=1");
      expect(before.match(/Timeout on read_only check for db1:3306/g)).toHaveLength(3);
    });

    test("empties the reader hostgroup when a writer is no reader", async () => {
      const shop = await openShop(
        "UPDATE global_variables SET variable_value='false' WHERE variable_name='mysql-monitor_writer_is_also_reader'",
      );
      shop.monitor({ "db2:3306": RW });
      await shop.reaches(["10 db1", "10 db2", "20 db3"]);
    });
  },
);

describe.skipIf(usesRealProxysql)("SHUNNED (skipped with PROXYSQL_BIN: its servers do not exist)", () => {
  test("is ONLINE once it is saved from runtime, and the next LOAD un-shuns", async () => {
    const shop = await openShop();
    const client = await shop.client();
    await client.run("BEGIN");
    await shop.admin.run(fence("db3"));
    await load(shop);
    shop.monitor({ "db1:3306": { shunned: true }, "db3:3306": { shunned: true } });
    await shop.reaches(["10 db1 SHUNNED", "20 db2", "20 db3 SOFT"]);
    expect(await client.ask("SELECT 1")).toHaveProperty("error");
    const other = await shop.client();
    expect(await other.ask("BEGIN")).toMatchObject({ error: { errno: 9001 } });
    other.close();
    shop.monitor({});
    expect(await shop.admin.rows("SELECT status FROM runtime_mysql_servers WHERE hostname='db1'")).toEqual([
      ["SHUNNED"],
    ]);
    await shop.admin.run("SAVE MYSQL SERVERS FROM RUNTIME");
    expect(await memory(shop)).toEqual(["10 db1 ONLINE", "20 db2 ONLINE", "20 db3 OFFLINE_SOFT"]);
    expect(effective(shop.changes().at(-1))).toEqual(["10 db1 SHUNNED", "20 db2", "20 db3 SOFT"]);
    await load(shop);
    await shop.reaches(["10 db1", "20 db2", "20 db3 SOFT"]);
  });

  test("ends when the server answers again, and counts as ONLINE in the checksum", async () => {
    const shop = await openShop();
    const sum = () =>
      shop.admin.rows("SELECT checksum FROM runtime_checksums_values WHERE name='mysql_servers'");
    const before = await sum();
    shop.monitor({ "db2:3306": { shunned: true, readOnly: true } });
    await shop.reaches(["10 db1", "20 db2 SHUNNED", "20 db3"]);
    expect(await sum()).toEqual(before);
    shop.monitor({ "db2:3306": RW });
    await shop.reaches(["10 db1", "10 db2", "20 db2", "20 db3"]);
  });
});
