import { beforeAll, describe, expect, it } from "vitest";
import {
  adminQuery,
  crashProxysql,
  type Host,
  setFailing,
  startAgent,
  stopAgent,
} from "../../support/host/host.js";
import { newestHeld, statusOf } from "../../support/host/pair.js";
import { changesBetween } from "../../support/standin-control.js";
import {
  allFenced,
  changesOf,
  db1,
  db2,
  describeFencedHosts,
  type FencedHosts,
  healthy,
  usedIn,
  waitForStatement,
  waitUntilFenced,
  waitUntilRows,
} from "./fenced-hosts.js";

/** Each statement of the sequence on the active node, by what no other statement of the agent has. */
const statements = {
  "the look at all layers": "SELECT 'memory', hostgroup_id",
  "refreshing memory": "SAVE MYSQL SERVERS FROM RUNTIME",
  "changing memory": "UPDATE main.mysql_servers SET status",
  "loading to runtime": "LOAD MYSQL SERVERS TO RUNTIME",
  "saving to disk": "SAVE MYSQL SERVERS TO DISK",
  "reading back": "'disk' AS layer",
} as const;

/** db3 is an operator's: offline before anything is fenced. */
const before = healthy.replace("db3 ONLINE", "db3 OFFLINE_SOFT");
const fenced = before.replace("db1 ONLINE", "db1 OFFLINE_SOFT");

describeFencedHosts("an agent that is killed in the middle of fencing", (start) => {
  let hosts: FencedHosts;
  let a: Host;
  let b: Host;
  let epoch: number | null;

  beforeAll(async () => {
    hosts = await start({ standby: "warm" });
    ({ a, b } = hosts);
    for (const sql of [
      "UPDATE mysql_servers SET status='OFFLINE_SOFT' WHERE hostname='db3.example'",
      "LOAD MYSQL SERVERS TO RUNTIME",
      "SAVE MYSQL SERVERS TO DISK",
    ])
      await adminQuery(a, sql);
    for (const host of [a, b]) await waitUntilRows(host, before);
    epoch = statusOf(a).leads;
  });

  /** Kills the agent of a host while this statement is not answered, and starts it again. */
  async function killedAt(
    host: Host,
    part: string,
    how: "hang" | "late",
    begin: () => Promise<void>,
  ): Promise<void> {
    const since = Date.now();
    setFailing(host, `admin.${how}`, part);
    try {
      await begin();
      await waitForStatement(host, part, since);
      await stopAgent(host, "SIGKILL");
    } finally {
      // One that hung is carried out now, for a session that is gone.
      setFailing(host, `admin.${how}`, false);
    }
    startAgent(host);
  }

  describe.each(Object.entries(statements))("at %s", (_, part) => {
    it.each(["hang", "late"] as const)(
      "that makes it %s: it is fenced, and released, all the same",
      async (how) => {
        const held = newestHeld(a);
        const from = Date.now();
        await killedAt(a, part, how, () => hosts.orchestrator.beginDowntime(db1, "op", "disk"));
        for (const host of [a, b]) await waitUntilRows(host, fenced);
        await waitUntilFenced(a, db1);
        await killedAt(a, part, how, () => hosts.orchestrator.endDowntime(db1));
        for (const host of [a, b]) await waitUntilRows(host, before);
        await waitUntilFenced(a);
        // The innocent one was there all the time, the operator's never, and no fence became a configuration.
        const changes = changesBetween(changesOf(a), from);
        for (const change of changes) expect(usedIn([change])).toContain(`20 ${db2.host}`);
        expect(usedIn(changes)).not.toContain("20 db3.example");
        expect(newestHeld(a)).toBe(held);
        expect(statusOf(a).leads).toBe(epoch);
      },
    );

    it("is not fenced when its cause has ended meanwhile", async () => {
      await killedAt(a, part, "late", async () => {
        const since = Date.now();
        await hosts.orchestrator.beginDowntime(db1, "op", "disk");
        await waitForStatement(a, part, since);
        await hosts.orchestrator.endDowntime(db1);
      });
      for (const host of [a, b]) await waitUntilRows(host, before);
      await waitUntilFenced(a);
    });
  });

  it("gives back what an isolation held, though that ended while the agent was dead", async () => {
    await hosts.killOrchestrator();
    for (const host of [a, b]) await waitUntilRows(host, allFenced);
    await stopAgent(a, "SIGKILL");
    await hosts.reviveOrchestrator();
    startAgent(a);
    for (const host of [a, b]) await waitUntilRows(host, before);
  });

  it("gives back what an isolation held, though ProxySQL died and it ended before that was back", async () => {
    await hosts.killOrchestrator();
    for (const host of [a, b]) await waitUntilRows(host, allFenced);
    crashProxysql(a);
    await hosts.reviveOrchestrator();
    for (const host of [a, b]) await waitUntilRows(host, before);
  });

  it.each(["hang", "late"] as const)(
    "comes out of it on the passive node, whose disk hung or was late (%s)",
    async (how) => {
      const part = "UPDATE disk.mysql_servers SET status";
      await killedAt(b, part, how, () => hosts.orchestrator.beginDowntime(db1, "op", "disk"));
      for (const host of [a, b]) await waitUntilRows(host, fenced);
      await killedAt(b, part, how, () => hosts.orchestrator.endDowntime(db1));
      for (const host of [a, b]) await waitUntilRows(host, before);
      for (const host of [a, b]) await waitUntilFenced(host);
    },
  );
});
