import { describe, expect, test } from "vitest";
import { usesRealProxysql } from "../../support/proxysql.js";
import { until } from "./scratch.js";
import { openShop, type Shop } from "./shop.js";

const load = "LOAD MYSQL SERVERS TO RUNTIME";
const held = "SELECT hostgroup, srv_host, srv_port FROM stats_mysql_processlist WHERE srv_host IS NOT NULL";

async function pool(shop: Shop): Promise<(string | null)[][]> {
  return shop.admin.rows(
    "SELECT hostgroup, srv_host, status, ConnUsed FROM stats_mysql_connection_pool ORDER BY 1, 2",
  );
}

async function setStatus(shop: Shop, host: string, status: string): Promise<void> {
  await shop.admin.run(`UPDATE mysql_servers SET status='${status}' WHERE hostname='${host}'`);
  await shop.admin.run(load);
}

describe.skipIf(usesRealProxysql)(
  "connections and statuses (skipped with PROXYSQL_BIN: its servers do not exist)",
  () => {
    test("a transaction holds a connection, which OFFLINE_SOFT leaves and OFFLINE_HARD drops at once", async () => {
      const shop = await openShop();
      const [client, idle] = [await shop.client(), await shop.client()];
      expect(await shop.admin.rows(held)).toEqual([]);
      await client.run("BEGIN");
      expect(await shop.admin.rows(held)).toEqual([["10", "db1", "3306"]]);
      expect((await pool(shop))[0]).toEqual(["10", "db1", "ONLINE", "1"]);
      await setStatus(shop, "db1", "OFFLINE_SOFT");
      expect((await pool(shop))[0]).toEqual(["10", "db1", "OFFLINE_SOFT", "1"]);
      expect(await client.rows("SELECT @@hostname")).toEqual([["db1"]]);
      await setStatus(shop, "db1", "OFFLINE_HARD");
      await until("the connection to drop", async () => (await shop.admin.rows(held)).length === 0);
      expect(await client.ask("SELECT @@hostname")).toHaveProperty("error");
      expect(await idle.rows("SELECT CONNECTION_ID()")).toHaveLength(1);
      idle.close();
    });

    test("a connection that was given back is not taken again from a server that is OFFLINE_SOFT", async () => {
      const shop = await openShop();
      await shop.admin.run("INSERT INTO mysql_servers (hostgroup_id,hostname) VALUES (10,'db0')");
      await setStatus(shop, "db0", "OFFLINE_SOFT");
      const client = await shop.client();
      await client.run("BEGIN");
      await setStatus(shop, "db0", "ONLINE");
      await setStatus(shop, "db1", "OFFLINE_SOFT");
      expect(await client.rows("SELECT @@hostname")).toEqual([["db1"]]);
      await client.run("COMMIT");
      await client.run("BEGIN");
      expect(await client.rows("SELECT @@hostname")).toEqual([["db0"]]);
      client.close();
    });

    test("OFFLINE_HARD leaves the runtime, is a remnant in the pool until it is looked at, and SAVE deletes it", async () => {
      const shop = await openShop();
      await setStatus(shop, "db3", "OFFLINE_HARD");
      expect(await pool(shop)).toEqual([
        ["10", "db1", "ONLINE", "0"],
        ["20", "db2", "ONLINE", "0"],
        ["20", "db3", "OFFLINE_HARD", "0"],
      ]);
      expect(await shop.admin.rows("SELECT hostname FROM runtime_mysql_servers")).toEqual([["db1"], ["db2"]]);
      expect(await pool(shop)).toHaveLength(2);
      expect(await shop.admin.rows("SELECT status FROM mysql_servers WHERE hostname='db3'")).toEqual([
        ["OFFLINE_HARD"],
      ]);
      await shop.admin.run("SAVE MYSQL SERVERS FROM RUNTIME");
      expect(await shop.admin.rows("SELECT hostname FROM mysql_servers ORDER BY 1")).toEqual([
        ["db1"],
        ["db2"],
      ]);
    });

    test("a row that memory lacks at LOAD is a remnant too, and comes back ONLINE by another LOAD", async () => {
      const shop = await openShop();
      await shop.admin.run("DELETE FROM mysql_servers WHERE hostname='db3'");
      await shop.admin.run(load);
      expect((await pool(shop)).at(-1)).toEqual(["20", "db3", "OFFLINE_HARD", "0"]);
      await shop.admin.run("INSERT INTO mysql_servers (hostgroup_id,hostname) VALUES (20,'db3')");
      await shop.admin.run(load);
      expect((await pool(shop)).at(-1)).toEqual(["20", "db3", "ONLINE", "0"]);
    });
  },
);
