import { describe, expect, test } from "vitest";
import { threeServers } from "../../support/orchestrator.js";
import { clientOf, lookUntil, names, soon, standIn, viewOf } from "./harness.js";

const instances = threeServers();
const db1 = { host: "db1", port: 3306 };
const db2 = { host: "db2", port: 3306 };
const data = { instances: false };

describe("three nodes", () => {
  test("the leader is found and read: downtimes, recoveries, and instances when asked for", async () => {
    const orchestrator = await standIn({ instances });
    const client = clientOf(orchestrator.endpoints);
    const well = viewOf(await client.look(data));
    expect(well).toEqual({
      leader: orchestrator.endpoints[0],
      downtimed: [],
      instances: null,
      recoveries: [],
    });

    const { uid } = await orchestrator.failMaster("shop");
    const failed = viewOf(await client.look({ instances: true }));
    expect(failed.downtimed).toMatchObject([
      { key: db1, downtimeReason: "lost-in-recovery", checkValid: false, readOnly: false },
    ]);
    expect(names(failed.instances ?? [])).toEqual(["db1:3306", "db2:3306", "db3:3306"]);
    expect(failed.instances).toMatchObject([
      { key: db1, master: null, downtimed: true, depth: 0 },
      { key: db2, master: null, readOnly: false, replicating: false, alias: "shop", secondsSinceSeen: 0 },
      { master: db2, readOnly: true, replicating: true, depth: 1, cluster: "db2:3306", coMaster: false },
    ]);
    expect(failed.recoveries).toMatchObject([
      { uid, failed: db1, successor: db2, successful: true, active: true, analysis: "DeadMaster" },
    ]);
    expect(Date.now() - Date.parse(failed.recoveries[0]?.startedAt ?? "")).toBeLessThan(60_000);
  });

  test("the leader is asked alone while it leads, over one connection", async () => {
    const orchestrator = await standIn({ instances });
    const client = clientOf(orchestrator.endpoints);
    viewOf(await client.look(data));
    const before = await orchestrator.report();
    for (let round = 0; round < 10; round += 1) {
      expect((await client.look(data)).endpoints).toEqual([
        { url: orchestrator.endpoints[0], state: "leader", detail: "It leads." },
      ]);
    }
    const after = await orchestrator.report();
    expect(after.map(({ connections }) => connections)).toEqual(before.map(({ connections }) => connections));
    expect(after[1]?.requests.length).toBe(before[1]?.requests.length);
    const asked = after[0]?.requests.slice(before[0]?.requests.length) ?? [];
    expect(asked.slice(0, 6).map((path) => path.replace("/api/", ""))).toEqual([
      "raft-status",
      "leader-check",
      "health",
      "downtimed",
      "audit-recovery",
      "leader-check",
    ]);
    expect(asked).toHaveLength(60);
  });

  test("a killed leader: no view while followers speak for it or for themselves, then the new one's", async () => {
    const orchestrator = await standIn({ instances, election: { noticeMs: null, candidateMs: null } });
    const client = clientOf(orchestrator.endpoints);
    await orchestrator.beginDowntime(db2, "operator", "repair");
    expect(names(viewOf(await client.look(data)).downtimed)).toEqual(["db2:3306"]);
    await orchestrator.killNode(0);
    // They still follow the dead one: data would be 502 with an empty body.
    const noticed = await client.look(data);
    expect(noticed).toMatchObject({ kind: "none" });
    expect(noticed.endpoints.map(({ state }) => state).sort()).toEqual([
      "follower",
      "follower",
      "unreachable",
    ]);

    await orchestrator.setElection({ noticeMs: 0 });
    await expect.poll(async () => (await orchestrator.report())[1]?.state, soon).toBe("Candidate");
    // Now each answers everything with 200 from its own database.
    const leaderless = await client.look(data);
    expect(leaderless).toMatchObject({ kind: "none" });
    expect(leaderless.endpoints.map(({ state }) => state).sort()).toEqual([
      "no-quorum",
      "no-quorum",
      "unreachable",
    ]);

    await orchestrator.setElection({ candidateMs: 0 });
    const view = await lookUntil(client, () => true);
    expect(view.leader).toBe(orchestrator.endpoints[2]);
    expect(names(view.downtimed)).toEqual(["db2:3306"]);
  });

  test("a downtime that went with its leader: gone from the view, and the recovery is still there", async () => {
    const orchestrator = await standIn({ instances, election: { noticeMs: 50, candidateMs: 50 } });
    const client = clientOf(orchestrator.endpoints);
    const { uid } = await orchestrator.failMaster("shop");
    expect(names(viewOf(await client.look(data)).downtimed)).toEqual(["db1:3306"]);
    await orchestrator.killNode(0);
    const view = await lookUntil(client, ({ leader }) => leader === orchestrator.endpoints[2]);
    expect(view.downtimed).toEqual([]);
    expect(view.recoveries.map((recovery) => recovery.uid)).toEqual([uid]);
  });

  test("a minority is not believed, and neither is a leader that lost its majority", async () => {
    const orchestrator = await standIn({ instances, election: { leaseMs: 0, noticeMs: null } });
    const client = clientOf(orchestrator.endpoints.slice(0, 1));
    viewOf(await client.look(data));
    await orchestrator.minority([0]);
    await expect.poll(async () => (await orchestrator.report())[0]?.state, soon).toBe("Candidate");
    expect(await client.look(data)).toMatchObject({
      kind: "none",
      endpoints: [{ state: "no-quorum", detail: 'It is not in quorum: raft state Candidate, leader "".' }],
    });
    await orchestrator.setElection({ noticeMs: 0, candidateMs: 0 });
    await expect.poll(() => orchestrator.leader(), soon).toBe(2);
    await orchestrator.minority([]);
    // The only endpoint follows now, and says where its leader is.
    expect((await lookUntil(client, () => true)).leader).toBe(orchestrator.endpoints[2]);
  });

  test("a stale leader beside the new one: neither counts until it gives up", async () => {
    const orchestrator = await standIn({
      instances,
      election: { leaseMs: null, noticeMs: 0, candidateMs: 0 },
    });
    await orchestrator.minority([0]);
    await expect
      .poll(async () => (await orchestrator.report()).map(({ state }) => state), soon)
      .toEqual(["Leader", "Follower", "Leader"]);
    // The new leader has its word only once the others have had theirs.
    await orchestrator.beginDowntime(db2, "operator", "repair");
    const stale = clientOf(orchestrator.endpoints.slice(0, 2));
    const looks = await Promise.all(Array.from({ length: 5 }, () => stale.look(data)));
    for (const look of looks) {
      // What the follower named may be read, the stale one must not.
      if (look.kind === "view") expect(look.view.leader).toBe(orchestrator.endpoints[2]);
      else expect(look.why).toMatch(/leads, but .* says that/);
    }
    await orchestrator.setElection({ leaseMs: 0 });
    const view = await lookUntil(stale, () => true);
    expect(view.leader).toBe(orchestrator.endpoints[2]);
    expect(names(view.downtimed)).toEqual(["db2:3306"]);
  });

  test("a leader that restarts is found again over a new connection", async () => {
    const orchestrator = await standIn({ instances, election: { noticeMs: null } });
    const client = clientOf(orchestrator.endpoints);
    viewOf(await client.look(data));
    await orchestrator.killNode(1);
    await orchestrator.reviveNode(1);
    expect(viewOf(await client.look(data)).leader).toBe(orchestrator.endpoints[0]);
    await orchestrator.killNode(0);
    expect(await client.look(data)).toMatchObject({ kind: "none" });
    await orchestrator.reviveNode(0);
    await orchestrator.setElection({ noticeMs: 0, candidateMs: 0 });
    expect((await lookUntil(client, () => true)).leader).toBe(
      orchestrator.endpoints[await orchestrator.leader()],
    );
  });
});

describe("recoveries", () => {
  test("up to five pages at first, then as many as bring something new; newest first", async () => {
    const orchestrator = await standIn({ instances });
    const client = clientOf(orchestrator.endpoints);
    await orchestrator.addRecoveries(130, db1, db2, "shop");
    const pages = async (): Promise<number> =>
      ((await orchestrator.report())[0]?.requests ?? []).filter((path) => path.includes("audit-recovery"))
        .length;
    const { recoveries } = viewOf(await client.look(data));
    expect(recoveries).toHaveLength(100);
    const times = recoveries.map(({ startedAt }) => startedAt);
    expect(times).toEqual([...times].sort().reverse());
    expect(await pages()).toBe(5);

    expect(viewOf(await client.look(data)).recoveries).toHaveLength(20);
    expect(await pages()).toBe(6);

    await orchestrator.addRecoveries(25, db1, db2, "shop");
    expect(viewOf(await client.look(data)).recoveries).toHaveLength(40);
    expect(await pages()).toBe(8);
  });
});

describe("one node", () => {
  test("a single Orchestrator needs no quorum", async () => {
    const orchestrator = await standIn({ nodes: 1, raft: false, instances, prefix: "/orc" });
    expect(orchestrator.endpoints[0]).toMatch(/\/orc$/);
    const client = clientOf(orchestrator.endpoints);
    await orchestrator.beginDowntime(db2, "operator", "repair");
    expect(names(viewOf(await client.look(data)).downtimed)).toEqual(["db2:3306"]);
    await orchestrator.endDowntime(db2);
    expect(viewOf(await client.look(data)).downtimed).toEqual([]);
  });

  test("two single ones that both lead are two worlds: neither counts", async () => {
    const [one, other] = [await standIn({ nodes: 1, raft: false }), await standIn({ nodes: 1, raft: false })];
    const both = [...one.endpoints, ...other.endpoints];
    await other.misbehave(0, "dribble", "data");
    const look = await clientOf(both).look(data);
    expect(look).toMatchObject({
      kind: "none",
      why: `${both[0]} leads, but ${both[1]} says that it does itself.`,
    });
  });

  test("no endpoints, no view", async () => {
    expect(await clientOf([]).look(data)).toEqual({
      kind: "none",
      why: "No Orchestrator is configured.",
      endpoints: [],
    });
  });
});
