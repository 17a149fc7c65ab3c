import { describe, expect, it } from "vitest";
import { emptyLatch } from "../../../src/fence/latch.js";
import { sleep } from "../../../src/platform/clock.js";
import { connectAdmin } from "../../support/admin-client.js";
import { until } from "../../support/pair/pair.js";
import { usesRealProxysql } from "../../support/proxysql.js";
import { isOnline } from "../../support/standin-control.js";
import { db1, db2, openFencedShop, untouched } from "./fenced-shop.js";

const fencedDb1 = "10 db1 OFFLINE_SOFT, 20 db2 ONLINE, 20 db3 ONLINE";
/** With PROXYSQL_BIN these are for the stand-in alone: only it can be told what its monitor finds, or has such servers. */
const withStandin = it.skipIf(usesRealProxysql);
const alive = { readOnly: false, alive: true };
const replica = { readOnly: true, alive: true };

describe("a fencer between Orchestrator and ProxySQL", () => {
  withStandin(
    "never takes the new primary's row away, whatever the monitor has moved meanwhile (skipped with PROXYSQL_BIN: its monitor looks for itself)",
    async () => {
      const { shop, orchestrator, pass, rows } = await openFencedShop();
      shop.monitor({ "db1:3306": { alive: false }, "db2:3306": alive, "db3:3306": replica });
      await shop.reaches(["10 db2", "20 db1", "20 db2", "20 db3"]);
      const before = shop.changes().length;
      await orchestrator.failMaster("shop", { successor: db2 });
      await pass();
      expect(await rows()).toBe("10 db2 ONLINE, 20 db1 OFFLINE_SOFT, 20 db2 ONLINE, 20 db3 ONLINE");
      expect(await rows("disk")).toBe(await rows());
      const since = shop.changes().slice(before);
      expect(since.length).toBeGreaterThan(0);
      expect(since.every((change) => isOnline(change, 10, "db2"))).toBe(true);
    },
  );

  it("needs six statements for a fence, and one when there is nothing to do", async () => {
    const { shop, orchestrator, fencer, pass, rows } = await openFencedShop();
    const sent = async (): Promise<string[]> => {
      const before = shop.statements().length;
      await pass();
      return shop
        .statements()
        .slice(before)
        .map(({ text }) => text.slice(0, 30));
    };
    await pass();
    await fencer.prepare({ usable: true, savesAll: true, version: "2.7.1" });
    expect(await sent()).toHaveLength(1);
    await orchestrator.beginDowntime(db1, "op", "disk");
    expect(await sent()).toHaveLength(6);
    expect(await rows()).toBe(fencedDb1);
    await orchestrator.endDowntime(db1);
    expect(await sent()).toHaveLength(6);
    expect(await rows()).toBe(untouched);
  });

  it("asserts a fence again that somebody undid", async () => {
    const { shop, orchestrator, pass, rows } = await openFencedShop();
    await orchestrator.beginDowntime(db1, "op", "disk");
    await pass();
    await shop.admin.rows("UPDATE mysql_servers SET status='ONLINE'");
    await shop.admin.rows("LOAD MYSQL SERVERS TO RUNTIME");
    expect(await rows()).toBe(untouched);
    await pass();
    expect(await rows()).toBe(fencedDb1);
  });

  it("asserts a fence again that somebody undid on disk alone", async () => {
    const { shop, orchestrator, pass, rows } = await openFencedShop();
    await orchestrator.beginDowntime(db1, "op", "disk");
    await pass();
    await shop.admin.rows("UPDATE mysql_servers SET status='ONLINE'");
    await shop.admin.rows("SAVE MYSQL SERVERS TO DISK");
    expect(await rows("disk")).toBe(untouched);
    await pass();
    expect(await rows("disk")).toBe(fencedDb1);
    const before = shop.statements().length;
    await pass();
    expect(shop.statements().length).toBeLessThanOrEqual(before + 2);
  });

  it("keeps what an operator has OFFLINE_HARD, though the runtime does not show it", async () => {
    const { shop, orchestrator, pass, rows } = await openFencedShop({
      sql: "UPDATE mysql_servers SET status='OFFLINE_HARD' WHERE hostname='db3'",
    });
    await orchestrator.beginDowntime(db1, "op", "disk");
    await pass();
    expect(await rows()).toBe("10 db1 OFFLINE_SOFT, 20 db2 ONLINE");
    for (const layer of ["main", "disk"] as const)
      expect(await rows(layer)).toBe("10 db1 OFFLINE_SOFT, 20 db2 ONLINE, 20 db3 OFFLINE_HARD");
    await orchestrator.endDowntime(db1);
    await pass();
    expect(await rows("disk")).toBe("10 db1 ONLINE, 20 db2 ONLINE, 20 db3 OFFLINE_HARD");
    expect(shop.log()).not.toContain("ASSERT");
  });

  it("remembers over a restart what it fenced and what was there before", async () => {
    const first = await openFencedShop();
    await first.orchestrator.failMaster("shop", { successor: db2 });
    await first.pass();
    const second = first.restart();
    expect(second.fencer.state.latch.fences).toMatchObject([
      { server: db1, cause: { kind: "replaced", successor: db2 } },
    ]);
    await second.pass();
    expect(await second.rows()).toBe(fencedDb1);
    await second.orchestrator.setInstance(db1, { alive: true, master: db2, readOnly: true });
    await second.orchestrator.endDowntime(db1);
    await until("db1 is a reader", async () => {
      await second.pass();
      return (await second.rows()).startsWith("20 db1 ONLINE");
    });
    expect(second.kept()?.rows).toEqual([]);
  });

  it("fences by the audit of recoveries when the leader that knew of the downtime is gone", async () => {
    const { orchestrator, pass, rows, fencer } = await openFencedShop({
      orchestrator: { nodes: 3, raft: true, election: { noticeMs: 50, candidateMs: 50 } },
    });
    await orchestrator.failMaster("shop", { successor: db2 });
    await orchestrator.killNode(0);
    await orchestrator.leader();
    await until("a view of the new leader", async () => {
      await pass();
      return fencer.state.look?.kind === "view";
    });
    expect(await rows()).toBe(fencedDb1);
    expect(fencer.state.latch.fences[0]?.cause.kind).toBe("replaced");
  });

  it("takes a role that went to and back for what it is, while Orchestrator counts the other as lost", async () => {
    const { orchestrator, pass, rows } = await openFencedShop();
    await orchestrator.gracefulTakeover("shop", db2);
    await pass();
    expect(await rows()).toBe(fencedDb1);
    await orchestrator.gracefulTakeover("shop", db1);
    await until("db1 is used, db2 is not", async () => {
      await pass();
      return (await rows()) === "10 db1 ONLINE, 20 db2 OFFLINE_SOFT, 20 db3 ONLINE";
    });
  });

  it("has nothing fenced once Orchestrator ends what it says of a role that went to and back", async () => {
    const { orchestrator, pass, rows } = await openFencedShop({ orchestrator: { lostInRecoveryMs: 0 } });
    await orchestrator.gracefulTakeover("shop", db2);
    await pass();
    await orchestrator.gracefulTakeover("shop", db1);
    await until("nothing is fenced", async () => {
      await pass();
      return !(await rows()).includes("OFFLINE");
    });
  });

  withStandin(
    "ends the connections of a fenced server in hard mode (skipped with PROXYSQL_BIN: its servers do not exist)",
    async () => {
      const { shop, orchestrator, pass } = await openFencedShop({ fence: ['mode = "hard"'] });
      const client = await shop.client();
      await client.rows("BEGIN");
      await orchestrator.beginDowntime(db1, "op", "disk");
      await pass();
      await expect(client.rows("SELECT 1")).rejects.toThrow();
    },
  );

  withStandin(
    "ends, in soft mode too, the writers' connections of a server that a recovery has replaced (skipped with PROXYSQL_BIN: its servers do not exist)",
    async () => {
      const { shop, orchestrator, pass } = await openFencedShop({
        sql: `INSERT INTO mysql_servers(hostgroup_id, hostname, port) VALUES (30, 'db1', 3306);
          INSERT INTO mysql_users(username, password, default_hostgroup) VALUES ('nightly', 'nightly', 30)`,
      });
      const writer = await shop.client();
      const other = await connectAdmin({
        port: shop.ports.clientPort,
        user: "nightly",
        password: "nightly",
      });
      for (const client of [writer, other]) await client.rows("BEGIN");
      await orchestrator.gracefulTakeover("shop", db2);
      await pass();
      await expect(writer.rows("SELECT 1")).rejects.toThrow();
      await other.rows("SELECT 1");
      // Once: who has a connection there afterwards was not refused a write by this recovery.
      const before = shop.statements().length;
      await pass();
      expect(
        shop
          .statements()
          .slice(before)
          .filter(({ text }) => text.includes("processlist")),
      ).toEqual([]);
      other.close();
    },
  );

  withStandin(
    "ends no connections for a recovery that a server has got over (skipped with PROXYSQL_BIN: it keeps no trace)",
    async () => {
      const { shop, orchestrator, pass, rows } = await openFencedShop();
      await orchestrator.gracefulTakeover("shop", db2);
      await pass();
      await orchestrator.endDowntime(db1);
      await until("db1 is a reader", async () => {
        await pass();
        return (await rows()).includes("20 db1 ONLINE");
      });
      const before = shop.statements().length;
      await orchestrator.beginDowntime(db1, "op", "disk");
      await pass();
      expect(await rows()).toContain("20 db1 OFFLINE_SOFT");
      const since = shop.statements().slice(before);
      expect(since.filter(({ text }) => text.includes("processlist"))).toEqual([]);
    },
  );

  withStandin(
    "lets open transactions go on in soft mode (skipped with PROXYSQL_BIN: its servers do not exist)",
    async () => {
      const { shop, orchestrator, pass } = await openFencedShop();
      const client = await shop.client();
      await client.rows("BEGIN");
      await orchestrator.beginDowntime(db1, "op", "disk");
      await pass();
      await client.rows("SELECT 1");
      client.close();
    },
  );

  it("tells which servers Orchestrator does not know, and fences by the names it is told", async () => {
    const names = { host: "db1.internal", port: 3306 };
    const { orchestrator, pass, fencer, rows } = await openFencedShop({
      orchestrator: { instances: [{ ...names, alias: "shop" }] },
      fence: ['hosts = { "db1" = "db1.internal" }'],
    });
    await pass();
    expect(fencer.state.unknown).toEqual([db2, { host: "db3", port: 3306 }]);
    await orchestrator.beginDowntime(names, "op", "disk");
    await pass();
    expect(await rows()).toBe(fencedDb1);
  });

  it("is released by an operator, and not fenced again for the same downtime", async () => {
    const { orchestrator, pass, fencer, rows } = await openFencedShop();
    await orchestrator.beginDowntime(db1, "op", "disk");
    await pass();
    const how = { usable: true, savesAll: true, version: "2.7.1" };
    expect(await fencer.release(db1, false, how)).toBe("master");
    await pass();
    expect(await rows()).toBe(untouched);
    await orchestrator.endDowntime(db1);
    await pass();
    await orchestrator.beginDowntime(db1, "op", "again");
    await pass();
    expect(await rows()).toBe(fencedDb1);
    await expect(fencer.release(db2, false, how)).rejects.toThrow("not fenced");
  });

  it("forgets a fence that ended where ProxySQL never had it, and no other, while ProxySQL is away", async () => {
    const { orchestrator, pass, rows, fencer } = await openFencedShop();
    await pass();
    const away = { usable: false, savesAll: true, version: null };
    await orchestrator.beginDowntime(db1, "op", "disk");
    await fencer.pass(away);
    expect(fencer.state.latch.fences).toMatchObject([{ server: db1 }]);
    await orchestrator.endDowntime(db1);
    await fencer.pass(away);
    expect(fencer.state.latch).toEqual(emptyLatch);

    await orchestrator.beginDowntime(db1, "op", "disk");
    await pass();
    await orchestrator.endDowntime(db1);
    await fencer.pass(away);
    expect(await rows("disk")).toBe(fencedDb1);
    expect(fencer.state.latch.fences).toMatchObject([{ server: db1 }]);
    await pass();
    expect(await rows("disk")).toBe(untouched);
    expect(fencer.state.latch).toEqual(emptyLatch);
  });

  it("fences a server under all the spellings that ProxySQL has for it", async () => {
    const { orchestrator, pass, rows, fencer } = await openFencedShop({
      sql: "INSERT INTO mysql_servers(hostgroup_id,hostname,port) VALUES (10,'DB1',3306),(30,'Db1',3306)",
    });
    const before = await rows();
    await orchestrator.beginDowntime(db1, "op", "disk");
    await pass();
    expect(fencer.state.problem).toBeNull();
    expect(await rows()).toBe(`10 DB1 OFFLINE_SOFT, ${fencedDb1}, 30 Db1 OFFLINE_SOFT`);
    await orchestrator.endDowntime(db1);
    await pass();
    expect(await rows()).toBe(before);
  });

  it("gives a row back what it was here, whatever a snapshot says whose statuses are not taken", async () => {
    const { orchestrator, pass, rows, fencer } = await openFencedShop();
    await orchestrator.beginDowntime(db1, "op", "disk");
    await pass();
    fencer.rebase([{ ...db1, hostgroup: 10, status: "OFFLINE_SOFT" }], true);
    await orchestrator.endDowntime(db1);
    await pass();
    expect(await rows()).toBe(untouched);
  });

  it("takes no release on the other node for one of a fence that is newer", async () => {
    const { orchestrator, pass, rows, fencer } = await openFencedShop();
    await orchestrator.beginDowntime(db1, "op", "disk");
    await pass();
    fencer.pardon([db1], 2_000);
    await pass();
    expect(await rows()).toBe(fencedDb1);
    fencer.pardon([db1], 0);
    await pass();
    expect(await rows()).toBe(untouched);
  });

  it("puts an operator's edit back though ProxySQL does not take the fence", async () => {
    let failing = true;
    const { shop, orchestrator, pass, rows, fencer } = await openFencedShop({
      fails: (what) => failing && what === "LOAD MYSQL SERVERS TO RUNTIME",
    });
    await shop.admin.rows("INSERT INTO mysql_servers(hostgroup_id,hostname) VALUES (20,'db4')");
    await orchestrator.beginDowntime(db1, "op", "disk");
    await pass();
    expect(fencer.state.problem?.sentence).toContain("made to fail");
    expect(await rows("main")).toContain("20 db4 ONLINE");
    failing = false;
    await pass();
    expect(await rows()).toBe(fencedDb1);
    expect(await rows("main")).toBe(`${fencedDb1}, 20 db4 ONLINE`);
  });

  it("tells for how long what is fenced could not be written down", async () => {
    let failing = true;
    const { orchestrator, pass, rows, fencer } = await openFencedShop({
      fails: (what) => failing && what === "keep",
    });
    await orchestrator.beginDowntime(db1, "op", "disk");
    await pass();
    expect(await rows()).toBe(fencedDb1);
    await sleep(300);
    await pass();
    expect(fencer.state.problem?.forMs).toBeGreaterThan(250);
    failing = false;
    await pass();
    expect(fencer.state.problem).toBeNull();
  });

  it("keeps a release over a restart with ProxySQL away", async () => {
    const first = await openFencedShop();
    await first.orchestrator.beginDowntime(db1, "op", "disk");
    await first.pass();
    await first.fencer.release(db1, false, { usable: true, savesAll: true, version: "2.7.1" });
    const second = first.restart();
    await second.pass({ usable: false });
    await second.pass();
    expect(await second.rows()).toBe(untouched);
  });

  it("foresees which of the servers that ProxySQL will be started with are to be fenced", async () => {
    const { orchestrator, pass, fencer } = await openFencedShop();
    await orchestrator.beginDowntime(db2, "op", "disk");
    await orchestrator.failMaster("shop", { successor: { host: "db3", port: 3306 } });
    await pass({ usable: false });
    expect(fencer.latch.fences).toEqual([]);
    fencer.foresee([db1, db2, { host: "db3", port: 3306 }]);
    expect(fencer.latch.fences.map(({ server }) => server)).toEqual([db1, db2]);
  });

  it("remembers what an operator released, and what is settled, over a restart while ProxySQL is away", async () => {
    const running = await openFencedShop();
    const { orchestrator } = running;
    await running.pass();
    await orchestrator.beginDowntime(db1, "op", "disk");
    await running.pass();
    await running.pass();
    await running.fencer.release(db1, false, { usable: true, savesAll: true, version: "2.7.1" });
    expect(await running.rows()).toBe(untouched);
    await orchestrator.addRecoveries(1, db2, db1, "shop");
    await running.pass();
    const { pardoned, settled } = running.fencer.state.latch;
    expect(pardoned).toEqual([db1]);
    expect(settled).toMatchObject([db2]);
    const restarted = running.restart();
    await restarted.fencer.pass({ usable: false, savesAll: true, version: null });
    expect(restarted.fencer.state.latch).toMatchObject({ pardoned, settled });
    await orchestrator.setInstance(db2, { replicating: false });
    await restarted.pass();
    expect(await restarted.rows()).toBe(untouched);
    expect(restarted.fencer.state.latch.fences).toEqual([]);
  });

  it("keeps what a peer fences while it has never seen its own servers, until it knows that they are well", async () => {
    const { orchestrator, fencer } = await openFencedShop();
    const away = { usable: false, savesAll: true, version: null };
    await orchestrator.failMaster("shop", { successor: db2 });
    await fencer.pass(away);
    fencer.adopt([db1], "b");
    await fencer.pass(away);
    expect(fencer.state.latch.fences).toMatchObject([{ server: db1, cause: { kind: "replaced" } }]);
    await orchestrator.setInstance(db1, { alive: true, master: db2, readOnly: true });
    await orchestrator.endDowntime(db1);
    await fencer.pass(away);
    expect(fencer.state.latch.fences).toEqual([]);
    // The peer's word is some seconds old.
    fencer.adopt([db1], "b");
    expect(fencer.state.latch.fences).toEqual([]);
  });

  it("brings the disk to it, though it was cut off between runtime and disk, fencing or releasing", async () => {
    const running = await openFencedShop({ how: { savesAll: false } });
    const { orchestrator, shop, fencer } = running;
    const spoil = (status: string): Promise<unknown> =>
      shop.admin.rows(`UPDATE disk.mysql_servers SET status='${status}' WHERE hostname='db1'`);
    await orchestrator.beginDowntime(db1, "op", "disk");
    await running.pass();
    await spoil("ONLINE");
    await running.restart().pass();
    expect(await running.rows("disk")).toBe(fencedDb1);
    // As one that was killed after LOAD has left it: runtime has it back, disk and latch have not.
    const { latch } = fencer.state;
    await orchestrator.endDowntime(db1);
    await running.pass();
    await spoil("OFFLINE_SOFT");
    running.keep(latch);
    await running.restart().pass();
    expect(await running.rows("disk")).toBe(untouched);
    expect(await running.rows()).toBe(untouched);
  });

  it("refuses a release while nobody knows what the server is, unless it is forced", async () => {
    const { orchestrator, pass, fencer, rows } = await openFencedShop();
    await orchestrator.failMaster("shop", { successor: db2 });
    await pass();
    const how = { usable: true, savesAll: true, version: "2.7.1" };
    await expect(fencer.release(db1, false, how)).rejects.toThrow("stays fenced");
    expect(await rows()).toBe(fencedDb1);
    expect(await fencer.release(db1, true, how)).toBe("unknown");
    await pass();
    expect(await rows()).toBe(untouched);
  });

  it("keeps a fence when a release finds Orchestrator silent while a pass with its answer waits", async () => {
    let turn = Promise.resolve();
    const { orchestrator, pass, fencer, rows } = await openFencedShop({
      settings: ['timeout = "200ms"'],
      exclusively: async (work) => {
        await turn;
        return work();
      },
    });
    await orchestrator.beginDowntime(db1, "op", "disk");
    await pass();
    let begin = (): void => {};
    turn = new Promise((resolve) => {
      begin = resolve;
    });
    const before = fencer.state.look;
    const passing = pass();
    await until("the pass has its answer", async () => fencer.state.look !== before);
    await orchestrator.killNode(0);
    const how = { usable: true, savesAll: true, version: "2.7.1" };
    const releasing = expect(fencer.release(db1, false, how)).rejects.toThrow("stays fenced");
    await until("the release has found it silent", async () => fencer.state.look?.kind === "none");
    begin();
    await Promise.all([passing, releasing]);
    expect(await rows()).toBe(fencedDb1);
  });

  withStandin(
    "writes only statuses to the disk of a passive node (skipped with PROXYSQL_BIN: its monitor looks for itself)",
    async () => {
      const { shop, orchestrator, pass, rows } = await openFencedShop({ how: { savesAll: false } });
      shop.monitor({ "db1:3306": { alive: false }, "db2:3306": alive, "db3:3306": replica });
      await shop.reaches(["10 db2", "20 db1", "20 db2", "20 db3"]);
      await orchestrator.failMaster("shop", { successor: db2 });
      await pass();
      expect(await rows()).toBe("10 db2 ONLINE, 20 db1 OFFLINE_SOFT, 20 db2 ONLINE, 20 db3 ONLINE");
      expect(await rows("disk")).toBe(fencedDb1);
    },
  );
});

describe("isolation", () => {
  it("gives back what was there though ProxySQL was away when a quorum answered again", async () => {
    const { orchestrator, pass, rows, fencer } = await openFencedShop({
      settings: ['isolation_grace = "1s"', 'timeout = "200ms"'],
    });
    await pass();
    await orchestrator.killNode(0);
    await until("all are held", async () => {
      await pass();
      return !(await rows()).includes("ONLINE");
    });
    await orchestrator.reviveNode(0);
    await until("a quorum answers", async () => {
      await pass({ usable: false });
      return fencer.state.look?.kind === "view";
    });
    expect(await rows()).not.toContain("ONLINE");
    await pass();
    expect(await rows()).toBe(untouched);
  });

  it("holds every server after the grace, and gives back exactly what was there", async () => {
    const { orchestrator, pass, rows, fencer } = await openFencedShop({
      settings: ['isolation_grace = "1s"', 'timeout = "200ms"'],
      sql: "UPDATE mysql_servers SET status='OFFLINE_SOFT' WHERE hostname='db3'",
    });
    await pass();
    const before = await rows();
    await orchestrator.killNode(0);
    await pass();
    expect(await rows()).toBe(before);
    await until("all are held", async () => {
      await pass();
      return !(await rows()).includes("ONLINE");
    });
    expect(fencer.state.silentForMs).toBeGreaterThanOrEqual(1_000);
    await orchestrator.reviveNode(0);
    await until("all is as before", async () => {
      await pass();
      return (await rows()) === before;
    });
    expect(fencer.state.latch).toEqual(emptyLatch);
  });

  it("gives it back although it ended while ProxySQL was away", async () => {
    const { orchestrator, pass, rows, fencer } = await openFencedShop({
      settings: ['isolation_grace = "1s"', 'timeout = "200ms"'],
    });
    await pass();
    const before = await rows();
    await orchestrator.killNode(0);
    await until("all are held", async () => {
      await pass();
      return !(await rows()).includes("ONLINE");
    });
    await orchestrator.reviveNode(0);
    await until("a quorum answers", async () => {
      await fencer.pass({ usable: false, savesAll: true, version: null });
      return fencer.state.look?.kind === "view";
    });
    await pass();
    expect(await rows()).toBe(before);
    expect(fencer.state.latch).toEqual(emptyLatch);
  });

  it.each(["html", "half-json", "status-500", "empty-502", "nothing", "dribble", "odd-hosts"] as const)(
    "neither fences nor releases by an answer that is %s",
    async (how) => {
      const { orchestrator, pass, rows, fencer } = await openFencedShop({
        settings: ['isolation_grace = "1m"', 'timeout = "200ms"'],
      });
      await orchestrator.beginDowntime(db1, "op", "disk");
      await pass();
      await orchestrator.endDowntime(db1);
      await orchestrator.beginDowntime(db2, "op", "disk");
      await orchestrator.misbehave(0, how);
      await pass();
      expect(fencer.state.look?.kind).toBe("none");
      expect(await rows()).toBe(fencedDb1);
      await orchestrator.misbehave(0, null);
      await until("what Orchestrator really says", async () => {
        await pass();
        return (await rows()) === "10 db1 ONLINE, 20 db2 OFFLINE_SOFT, 20 db3 ONLINE";
      });
    },
  );
});
