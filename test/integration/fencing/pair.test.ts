import { afterEach, describe, expect, it } from "vitest";
import { addUser } from "../../../bench/running-pair.js";
import { type FencedPair, fenceStatus, healthy, reasons, rows, startFencedPair, until } from "./harness.js";

let running: FencedPair | undefined;

afterEach(async () => {
  await running?.end();
  running = undefined;
});

async function start(...args: Parameters<typeof startFencedPair>): Promise<FencedPair> {
  running = await startFencedPair(...args);
  return running;
}

const db1 = { host: "db1", port: 3306 };
const fencedDb1 = "10 db1 OFFLINE_SOFT, 20 db1 OFFLINE_SOFT, 20 db2 ONLINE, 20 db3 ONLINE";

describe("a pair that asks Orchestrator", () => {
  it("fences a downtimed server on both nodes, and takes the fence off again", async () => {
    const { pair, orchestrator } = await start();
    const { a, b } = pair;
    await orchestrator.beginDowntime(db1, "op", "disk", "30m");
    await until("a fences db1", async () => (await rows(a)) === fencedDb1);
    await until("b fences db1", async () => (await rows(b)) === fencedDb1);
    expect(await rows(a, "disk")).toBe(fencedDb1);
    const { fences, orchestrator: seen } = await fenceStatus(a);
    expect(fences).toMatchObject([
      {
        server: db1,
        cause: { kind: "downtime" },
        rows: [
          { hostgroup: 10, was: "ONLINE" },
          { hostgroup: 20, was: "ONLINE" },
        ],
      },
    ]);
    expect(seen.state).toBe("quorum");
    await until("it is a reason", async () => (await reasons(a)).includes("server-fenced db1:3306"));
    await orchestrator.endDowntime(db1);
    await until("a uses db1", async () => (await rows(a)) === healthy);
    await until("b uses db1", async () => (await rows(b)) === healthy);
    expect((await a.admin("SELECT comment FROM mysql_servers WHERE hostgroup_id=10"))[0]).toEqual(["mine"]);
  });

  it("ships what an operator means, not what is fenced", async () => {
    const { pair, orchestrator } = await start();
    const { a, b } = pair;
    await orchestrator.beginDowntime(db1, "op", "disk", "30m");
    await until("both fence db1", async () => (await rows(a)) === fencedDb1 && (await rows(b)) === fencedDb1);
    const before = (await b.status()).running?.text;
    await addUser(a, "later");
    await until("b has the edit", async () => (await b.status()).running?.text !== before);
    expect(await rows(b)).toBe(fencedDb1);
    expect(await rows(b, "disk")).toBe(fencedDb1);
    const { stdout } = await a.cli("snapshot", "diff", "latest", "disk", "--json");
    expect(stdout).toContain("OFFLINE_SOFT");
    expect((await reasons(b)).filter((one) => !one.startsWith("server-fenced"))).toEqual([]);
  });

  it("takes a fence off on both nodes when an operator releases it on the active one", async () => {
    const { pair, orchestrator } = await start();
    const { a, b } = pair;
    await orchestrator.beginDowntime(db1, "op", "disk", "30m");
    await until("both fence db1", async () => (await rows(a)) === fencedDb1 && (await rows(b)) === fencedDb1);
    const { code, stdout } = await a.cli("fence", "release", "db1:3306");
    expect([code, stdout]).toEqual([0, "db1:3306 is used again, as the master of its cluster.\n"]);
    await until("both use db1", async () => (await rows(a)) === healthy && (await rows(b)) === healthy);
    expect((await fenceStatus(b)).pardoned).toEqual(["db1:3306"]);
    await orchestrator.endDowntime(db1);
    for (const node of [a, b])
      await until(
        `${node.name} has seen its end`,
        async () => (await fenceStatus(node)).pardoned.length === 0,
      );
    await orchestrator.beginDowntime(db1, "op", "again", "30m");
    await until("both fence db1", async () => (await rows(a)) === fencedDb1 && (await rows(b)) === fencedDb1);
  });

  it("keeps the fence over a failover, though Orchestrator's leader has forgotten", async () => {
    const { pair, orchestrator } = await start();
    const { a, b } = pair;
    await orchestrator.failMaster("shop");
    await until("both fence db1", async () =>
      [await rows(a), await rows(b)].every((one) => one.includes("10 db1 OFFLINE_SOFT")),
    );
    await orchestrator.killNode(0);
    await orchestrator.leader();
    await a.kill();
    b.writeRole("MASTER");
    await until("b leads", async () => (await b.status()).leads !== null);
    expect(await rows(b)).toContain("10 db1 OFFLINE_SOFT");
  });
});
