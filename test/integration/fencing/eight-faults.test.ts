import { describe, expect, it } from "vitest";
import { until } from "../../support/pair/pair.js";
import { db1, db2, openFencedShop, untouched } from "./fenced-shop.js";

const fencedDb1 = "10 db1 OFFLINE_SOFT, 20 db2 ONLINE, 20 db3 ONLINE";

/** What the published script gets wrong, one test each. The eighth, (g), is a pair's: see pair.test.ts. */
describe("the faults of the published script", () => {
  it("(a) does not take fences off when Orchestrator says nothing", async () => {
    const { orchestrator, fencer, pass, rows } = await openFencedShop();
    await orchestrator.beginDowntime(db1, "op", "disk");
    await pass();
    expect(await rows()).toBe(fencedDb1);
    await orchestrator.killNode(0);
    await pass();
    expect(fencer.state.look?.kind).toBe("none");
    expect(await rows()).toBe(fencedDb1);
  });

  it("(b) tells servers on one host apart by their ports", async () => {
    const { orchestrator, shop, pass } = await openFencedShop({
      sql: "INSERT INTO mysql_servers(hostgroup_id,hostname,port) VALUES (10,'db1',3307)",
    });
    await orchestrator.beginDowntime(db1, "op", "disk");
    await pass();
    expect(
      await shop.admin.rows("SELECT port, status FROM runtime_mysql_servers WHERE hostname='db1' ORDER BY 1"),
    ).toEqual([
      ["3306", "OFFLINE_SOFT"],
      ["3307", "ONLINE"],
    ]);
  });

  it("(c) leaves comments alone", async () => {
    const { orchestrator, shop, pass } = await openFencedShop({
      sql: "UPDATE mysql_servers SET comment='rack 7' WHERE hostname='db1'",
    });
    for (const step of ["beginDowntime", "endDowntime"] as const) {
      await orchestrator[step](db1, "op", "disk");
      await pass();
      for (const layer of ["main", "disk"])
        expect(
          await shop.admin.rows(`SELECT comment FROM ${layer}.mysql_servers WHERE hostname='db1'`),
        ).toEqual([["rack 7"]]);
    }
  });

  it("(d) takes any name that a host can have", async () => {
    const host = "db-1.eu-west-1.example";
    const { orchestrator, pass, rows } = await openFencedShop({
      sql: `UPDATE mysql_servers SET hostname='${host}' WHERE hostname='db1'`,
      orchestrator: { instances: [{ host, port: 3306, alias: "shop" }] },
    });
    await orchestrator.beginDowntime({ host, port: 3306 }, "op", "disk - all of it");
    await pass();
    expect(await rows()).toBe(`10 ${host} OFFLINE_SOFT, 20 db2 ONLINE, 20 db3 ONLINE`);
  });

  it("(e) does not use a server again before it is known what it is", async () => {
    const { orchestrator, pass, rows, shop } = await openFencedShop();
    await orchestrator.failMaster("shop", { successor: db2 });
    await pass();
    await orchestrator.endDowntime(db1);
    await orchestrator.setInstance(db1, { alive: true, readOnly: false });
    for (let i = 0; i < 3; i += 1) await pass();
    expect(await rows()).toBe(fencedDb1);
    await orchestrator.setInstance(db1, { master: db2, readOnly: true });
    await until("db1 is a replica", async () => {
      await pass();
      return (await rows()) === "20 db1 ONLINE, 20 db2 ONLINE, 20 db3 ONLINE";
    });
    expect(await shop.admin.rows("SELECT count(*) FROM disk.mysql_servers WHERE hostgroup_id=10")).toEqual([
      ["0"],
    ]);
  });

  it("(f) leaves a server offline that an operator had taken offline", async () => {
    const { orchestrator, pass, rows } = await openFencedShop({
      sql: "UPDATE mysql_servers SET status='OFFLINE_SOFT' WHERE hostname='db2'",
    });
    const before = await rows();
    await orchestrator.beginDowntime(db2, "op", "disk");
    await pass();
    await orchestrator.endDowntime(db2);
    await pass();
    await pass();
    expect(await rows()).toBe(before);
    expect(before).toContain("20 db2 OFFLINE_SOFT");
  });

  it("(h) does not load what an operator is in the middle of editing", async () => {
    const { orchestrator, shop, pass, rows } = await openFencedShop();
    await shop.admin.rows("DELETE FROM mysql_servers WHERE hostname IN ('db2','db3')");
    await shop.admin.rows(
      "INSERT INTO mysql_servers(hostgroup_id,hostname,port,comment) VALUES (20,'db4',3306,'it''s new')",
    );
    await orchestrator.beginDowntime(db1, "op", "disk");
    await pass();
    expect(await rows()).toBe(fencedDb1);
    expect(await rows("main")).toBe("10 db1 OFFLINE_SOFT, 20 db4 ONLINE");
    expect(await rows("disk")).toBe(fencedDb1);
    await orchestrator.endDowntime(db1);
    await pass();
    expect(await rows()).toBe(untouched);
    expect(await rows("main")).toBe("10 db1 OFFLINE_SOFT, 20 db4 ONLINE".replace("OFFLINE_SOFT", "ONLINE"));
    expect(await shop.admin.rows("SELECT comment FROM mysql_servers WHERE hostname='db4'")).toEqual([
      ["it's new"],
    ]);
  });
});
