import { describe, expect, test } from "vitest";
import { threeServers } from "../../support/orchestrator.js";
import { soon, standIn } from "./harness.js";

// What the recordings do not show, and was seen on the real one or stands in its sources.

const instances = threeServers();
const db1 = { host: "db1", port: 3306 };
const db2 = { host: "db2", port: 3306 };

type Row = { Key: { Hostname: string }; ReadOnly: boolean };

async function ask(
  endpoint: string | undefined,
  path: string,
  cookie = "",
): Promise<{ status: number; text: string }> {
  const response = await fetch(`${endpoint}/api/${path}`, { headers: { cookie } });
  return { status: response.status, text: await response.text() };
}

async function hosts(endpoint: string | undefined, path: string): Promise<string[]> {
  const rows = JSON.parse((await ask(endpoint, path)).text) as Row[];
  return rows.map(({ Key }) => Key.Hostname);
}

describe("downtimes", () => {
  test("one without a duration is said to be done, and is not written", async () => {
    const { endpoints } = await standIn({ instances });
    expect(await ask(endpoints[0], "begin-downtime/db2/3306/me/why")).toMatchObject({ status: 200 });
    expect(await hosts(endpoints[0], "downtimed")).toEqual([]);
    expect(await ask(endpoints[0], "begin-downtime/db2/3306/me/why/soon")).toMatchObject({ status: 500 });
    expect(await ask(endpoints[0], "begin-downtime/db2/3306/me/why/30m")).toMatchObject({ status: 200 });
    expect(await hosts(endpoints[0], "downtimed")).toEqual(["db2"]);
    expect(await ask(endpoints[0], "end-downtime/db3/3306")).toMatchObject({ status: 200 });
  });

  test("a follower passes it on to the leader, and a node in a minority takes none", async () => {
    const orchestrator = await standIn({ instances, election: { noticeMs: 0, candidateMs: null } });
    const { endpoints } = orchestrator;
    expect(await ask(endpoints[2], "begin-downtime/db2/3306/me/why/30m")).toMatchObject({ status: 200 });
    expect(await hosts(endpoints[0], "downtimed")).toEqual(["db2"]);
    await orchestrator.minority([2]);
    await expect.poll(async () => (await orchestrator.report())[2]?.state, soon).toBe("Candidate");
    expect(await ask(endpoints[2], "end-downtime/db2/3306")).toMatchObject({ status: 500 });
    await orchestrator.endDowntime(db2);
    // Its own old database, with 200.
    expect(await hosts(endpoints[2], "downtimed")).toEqual(["db2"]);
    expect(await hosts(endpoints[0], "downtimed")).toEqual([]);
    await orchestrator.minority([]);
    expect(await hosts(endpoints[2], "downtimed")).toEqual([]);
  });

  test("lost-in-recovery is on the old leader alone; without it an old master that returns is the master again", async () => {
    const orchestrator = await standIn({ instances, election: { noticeMs: 0, candidateMs: 0 } });
    const { endpoints } = orchestrator;
    expect(await orchestrator.failMaster("shop")).toMatchObject({ failed: db1, successor: db2 });
    expect(await hosts(endpoints[0], "downtimed")).toEqual(["db1"]);
    await orchestrator.killNode(0);
    await orchestrator.leader();
    await orchestrator.setInstance(db1, { alive: true });
    expect(await hosts(endpoints[1], "downtimed")).toEqual([]);
    const master = JSON.parse((await ask(endpoints[1], "master/shop")).text) as Row;
    expect(master).toMatchObject({ Key: { Hostname: "db1" }, ReadOnly: false });
  });

  test("it ends by itself once the server is well, and not before", async () => {
    const orchestrator = await standIn({ instances, lostInRecoveryMs: 0 });
    await orchestrator.failMaster("shop");
    expect(await hosts(orchestrator.endpoints[0], "downtimed")).toEqual(["db1"]);
    await orchestrator.setInstance(db1, { alive: true });
    // Beside the new master it is not the only one of its alias.
    expect(await hosts(orchestrator.endpoints[0], "downtimed")).toEqual(["db1"]);
    await orchestrator.setInstance(db1, { master: db2, readOnly: true });
    expect(await hosts(orchestrator.endpoints[0], "downtimed")).toEqual([]);
  });
});

test("a graceful takeover changes the roles, and counts the old master as lost for a minute", async () => {
  const orchestrator = await standIn({ instances });
  await orchestrator.gracefulTakeover("shop", { host: "db3", port: 3306 });
  const rows = JSON.parse((await ask(orchestrator.endpoints[0], "all-instances")).text) as Row[];
  expect(rows.map(({ Key, ReadOnly }) => [Key.Hostname, ReadOnly])).toEqual([
    ["db1", true],
    ["db2", true],
    ["db3", false],
  ]);
  const downtimed = JSON.parse((await ask(orchestrator.endpoints[0], "downtimed")).text) as unknown[];
  expect(downtimed).toMatchObject([
    { Key: { Hostname: "db1" }, DowntimeReason: "lost-in-recovery", ReplicationIOThreadRuning: true },
  ]);
  const audit = JSON.parse((await ask(orchestrator.endpoints[0], "audit-recovery")).text) as unknown[];
  expect(audit).toMatchObject([{ SuccessorKey: { Hostname: "db3" }, IsSuccessful: true }]);
});

test("a token is needed to write, not to read", async () => {
  const { endpoints } = await standIn({ instances, auth: { kind: "token", token: "public:secret" } });
  expect(await ask(endpoints[0], "downtimed")).toMatchObject({ status: 200 });
  const refused = await ask(endpoints[0], "begin-downtime/db2/3306/me/why/30m");
  expect(refused).toMatchObject({ status: 500, text: expect.stringContaining("Unauthorized") });
  const path = "begin-downtime/db2/3306/me/why/30m";
  expect(await ask(endpoints[1], path, "access-token=public:secret")).toMatchObject({ status: 200 });
});

test("by itself an election takes the measured time", async () => {
  const orchestrator = await standIn({ instances });
  const start = Date.now();
  await orchestrator.killNode(0);
  expect(await orchestrator.leader()).toBe(2);
  // 2.7 to 2.9 s on the real one.
  expect(Date.now() - start).toBeGreaterThan(2_500);
});
