import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Mariadb, missingForMariadb } from "../../support/mariadb.js";
import { usesRealProxysql } from "../../support/proxysql.js";
import { changesBetween, isOnline } from "../../support/standin-control.js";
import { fenceStatus, readers, until, writers } from "./harness.js";
import { keyOf, type ReplicatedShop, startReplicatedShop } from "./replicated-shop.js";

const host = "127.0.0.1";

const missing = usesRealProxysql
  ? "with PROXYSQL_BIN: what its monitor finds is not told by a file"
  : missingForMariadb();
const title = "servers that really replicate";

describe.skipIf(missing !== undefined)(
  missing === undefined ? title : `${title} (skipped: ${missing})`,
  () => {
    let shop: ReplicatedShop;
    let first: Mariadb;
    let second: Mariadb;
    let third: Mariadb;

    beforeAll(async () => {
      shop = await startReplicatedShop();
      [first, second, third] = shop.servers;
    });

    afterAll(async () => {
      await shop?.end();
    });

    /** What a server's own clients have written there, by the rows that it has. */
    async function writtenOn(server: Mariadb): Promise<{ rows: number; last: number }> {
      const [row] = await server.query(
        `SELECT COUNT(*) AS amount, COALESCE(MAX(id), 0) AS last FROM shop.writes WHERE server=${server.serverId}`,
      );
      return { rows: Number(row?.amount), last: Number(row?.last) };
    }

    /** `10 2 ONLINE, 20 1 OFFLINE_SOFT`: hostgroup, server, status in effect now. */
    function inEffect(): string {
      const idOf = (port: number): number | undefined =>
        shop.servers.find((server) => server.port === port)?.serverId;
      const rows = shop.changes().at(-1)?.rows ?? [];
      return rows
        .map(({ hostgroup, port, status }) => `${hostgroup} ${idOf(port)} ${status}`)
        .sort()
        .join(", ");
    }

    /** Waits until the fencer has judged by so many more whole answers. */
    async function judges(times: number): Promise<void> {
      const asked = async (): Promise<number> => {
        const requests = (await shop.orchestrator.report()).flatMap((node) => node.requests);
        return requests.filter((path) => path.includes("/all-instances")).length;
      };
      const before = await asked();
      await until(`${times} more judgements`, async () => (await asked()) >= before + times, 40_000);
    }

    /** What a recovery does: the successor writes, the other one follows it, Orchestrator remembers. */
    async function recover(failed: Mariadb, successor: Mariadb, other: Mariadb): Promise<void> {
      await until("the dead one is seen", async () => shop.seen(failed)?.alive === false);
      await successor.promote();
      await other.replicateFrom(successor);
      await shop.orchestrator.recordRecovery(keyOf(failed), keyOf(successor));
    }

    it("are used as they are", async () => {
      await until(
        "all is known",
        async () => inEffect() === "10 1 ONLINE, 20 1 ONLINE, 20 2 ONLINE, 20 3 ONLINE",
      );
      await shop.application.hasWritten(20);
      expect(new Set(shop.application.acknowledged.values())).toEqual(new Set([first.serverId]));
      expect((await fenceStatus(shop.node)).fences).toEqual([]);
    });

    it("stay in use when replication stops, as before", async () => {
      const from = Date.now();
      await third.query("STOP SLAVE");
      await until("it is seen", async () => shop.seen(third)?.replicating === false);
      await judges(1);
      expect((await fenceStatus(shop.node)).fences).toEqual([]);
      for (const change of changesBetween(shop.changes(), from))
        expect(isOnline(change, readers, host, third.port)).toBe(true);
      await third.query("START SLAVE");
      await until("it replicates", async () => shop.seen(third)?.replicating === true);
    });

    it("get no write as a dead primary that comes back writable", async () => {
      const { application, node, orchestrator } = shop;
      await first.kill();
      await recover(first, second, third);
      await until("the successor writes", async () =>
        shop.changes().some((change) => isOnline(change, writers, host, second.port)),
      );
      await until("the dead one is fenced", async () => (await fenceStatus(node)).fences.length === 1);
      await first.restart();
      const before = await writtenOn(first);
      expect(before.rows).toBeGreaterThan(0);
      await until("it is seen as it is", async () => {
        const { alive, readOnly, master } = shop.seen(first) ?? {};
        return alive === true && readOnly === false && master === null;
      });
      await application.hasWritten(100);
      await judges(5);
      // Whoever leads next has never heard that the dead primary was lost.
      await orchestrator.killNode(await orchestrator.leader());
      await orchestrator.leader();
      await application.hasWritten(100);
      await judges(5);
      expect(await writtenOn(first)).toEqual(before);
      const [row] = await first.query(
        `SELECT COUNT(*) AS amount FROM shop.writes WHERE server<>${first.serverId}`,
      );
      expect(row?.amount).toBe("0");
      expect((await writtenOn(second)).rows).toBeGreaterThanOrEqual(200);
      expect((await fenceStatus(node)).fences).toMatchObject([
        { server: keyOf(first), cause: { kind: "replaced", successor: keyOf(second) } },
      ]);
    });

    it("never lose the new primary's row meanwhile", () => {
      const changes = shop.changes();
      const begins = changes.findIndex((change) => isOnline(change, writers, host, second.port));
      expect(begins).toBeGreaterThan(0);
      const without = changes.slice(begins).filter((change) => !isOnline(change, writers, host, second.port));
      expect(without).toEqual([]);
    });

    it("come back as readers once they replicate again", async () => {
      const { application, node } = shop;
      const [last] = await third.query("SELECT MAX(id) AS id FROM shop.writes WHERE server=1");
      // It has from here on what its successor has; what it alone has is the operator's affair.
      const [fork] = await second.query("SELECT @@GLOBAL.gtid_slave_pos AS pos");
      const before = await writtenOn(first);
      await first.query("SET GLOBAL read_only=1", `SET GLOBAL gtid_slave_pos='${fork?.pos}'`);
      await judges(3);
      // Not writable any more, and still not known to be a replica.
      expect(inEffect()).toContain("20 1 OFFLINE_SOFT");
      await first.replicateFrom(second);
      await until("it is a reader", async () => inEffect().includes("20 1 ONLINE"));
      expect((await fenceStatus(node)).fences).toEqual([]);
      await application.hasWritten(50);
      await first.catchUpWith(second);
      expect(inEffect()).toBe("10 2 ONLINE, 20 1 ONLINE, 20 2 ONLINE, 20 3 ONLINE");
      expect(await writtenOn(first)).toEqual(before);
      expect(before.last).toBeGreaterThanOrEqual(Number(last?.id));
      for (const change of shop.changes()) {
        // From the fence on it was never the one that writes.
        if (isOnline(change, writers, host, second.port))
          expect(isOnline(change, writers, host, first.port)).toBe(false);
      }
    });

    it("stay in use when the old primary's replication stops later on", async () => {
      const from = Date.now();
      await first.query("STOP SLAVE");
      await until("it is seen", async () => shop.seen(first)?.replicating === false);
      await judges(1);
      expect((await fenceStatus(shop.node)).fences).toEqual([]);
      for (const change of changesBetween(shop.changes(), from))
        expect(isOnline(change, readers, host, first.port)).toBe(true);
      await first.query("START SLAVE");
      await until("it replicates", async () => shop.seen(first)?.replicating === true);
    });

    it("get no write while they are in downtime, and are what they were when it ends", async () => {
      const { application, orchestrator } = shop;
      await orchestrator.beginDowntime(keyOf(second), "op", "disk", "30m");
      await until("it is fenced", async () => inEffect().includes("10 2 OFFLINE_SOFT"));
      // The one write that was on its way.
      const sent = application.sent;
      await until("it is through", async () => application.sent > sent + 1);
      const before = await writtenOn(second);
      const tried = application.sent;
      await until("more is tried", async () => application.sent >= tried + 10);
      expect(await writtenOn(second)).toEqual(before);
      await orchestrator.endDowntime(keyOf(second));
      await until(
        "it writes again",
        async () => inEffect() === "10 2 ONLINE, 20 1 ONLINE, 20 2 ONLINE, 20 3 ONLINE",
      );
      await application.hasWritten(20);
      expect((await writtenOn(second)).rows).toBeGreaterThan(before.rows);
    });

    it("have every write that was acknowledged after the recovery, on all of them", async () => {
      const written = [...shop.application.acknowledged].filter(([, server]) => server === second.serverId);
      for (const server of [first, second, third]) {
        if (server !== second) await server.catchUpWith(second);
        const rows = await server.query(`SELECT id FROM shop.writes WHERE server=${second.serverId}`);
        const ids = new Set(rows.map(({ id }) => Number(id)));
        expect(written.filter(([id]) => !ids.has(id))).toEqual([]);
      }
    });

    it("would be written to without the agent: what is held here can fail", async () => {
      await shop.node.stopAgent();
      await second.kill();
      await recover(second, third, first);
      await second.restart();
      const { rows } = await writtenOn(second);
      await until("the dead primary is written to", async () => (await writtenOn(second)).rows > rows);
    });
  },
);
