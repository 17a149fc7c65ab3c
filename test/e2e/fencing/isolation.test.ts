import { beforeAll, describe, expect, it } from "vitest";
import { type Client, startClientIn } from "../../support/host/client-host.js";
import { waitForReason, waitForRole, waitUntilCleared } from "../../support/host/guards.js";
import { adminQuery, carpRole, type Host, holdsAddress } from "../../support/host/host.js";
import { sharedAddress } from "../../support/host/host-files.js";
import { setCut } from "../../support/host/netns.js";
import { addPort, type Port, setReachable } from "../../support/host/network.js";
import { addServer, journalOf, patience, statusOf, waitUntilLeading } from "../../support/host/pair.js";
import { waitFor } from "../../support/host/wait.js";
import { changesBetween } from "../../support/standin-control.js";
import {
  alertsOf,
  allFenced,
  changesOf,
  describeFencedHosts,
  type FencedHosts,
  fencesOf,
  graceMs,
  healthy,
  rowsOf,
  shop,
  usedIn,
  waitUntilRows,
  witnesses,
} from "./fenced-hosts.js";

/** What must not change by an isolation: roles, epochs, and whether anything was doubted or put back. */
function historyOf(host: Host): unknown {
  const { role, leads, lastInstalled, doubts, care } = statusOf(host);
  const { restarts, share } = care;
  const installed = lastInstalled?.snapshot;
  const { transitions } = journalOf(host);
  return { role, leads, installed, doubts, restarts, share, transitions };
}

/** When the host used no server for the first time since then, ms since 1970; 0 if it never did. */
function heldSince(host: Host, time: number): number {
  const none = changesOf(host).find((change) => change.time > time && usedIn([change]).length === 0);
  return none?.time ?? 0;
}

async function waitUntilIsolated(host: Host, kind: string): Promise<void> {
  await waitForReason(host, "isolated");
  await waitFor(
    `${host.name} takes it for ${kind}`,
    async () => (await fencesOf(host)).isolation?.kind === kind,
    patience,
    200,
  );
}

/** Waits until it has been so for much longer than it takes to act on it. */
async function waitUntilLongIsolated(host: Host): Promise<void> {
  const longMs = graceMs + 5_000;
  await waitFor(
    `${host.name} has been isolated for long`,
    async () => (await fencesOf(host)).orchestrator.silentForMs > longMs,
    patience,
    200,
  );
}

describeFencedHosts("an active node that is cut off, with on_isolation = fence", (start) => {
  let hosts: FencedHosts;
  let a: Host;
  let b: Host;

  beforeAll(async () => {
    hosts = await start({ standby: "warm", orchestrator: [witnesses] });
    ({ a, b } = hosts);
  });

  it("uses no server after the grace, says that it is cut off, and is as before when that is over", async () => {
    const before = [historyOf(a), historyOf(b)];
    const cutAt = Date.now();
    hosts.cutOff(a, true);
    await waitUntilRows(a, allFenced);
    const held = heldSince(a, cutAt);
    // The last answer may be as old as one poll.
    expect(held - cutAt).toBeGreaterThan(graceMs - 1_000);
    await waitUntilIsolated(a, "cut-off");
    await waitFor("the alert is told", () => alertsOf(a, "isolated").length > 0, patience);
    expect(alertsOf(a, "isolated").at(-1)).toContain("this node is cut off");
    await waitUntilLongIsolated(a);
    expect(await rowsOf(b)).toBe(healthy);
    expect([historyOf(a), historyOf(b)]).toEqual(before);

    const healedAt = Date.now();
    expect(usedIn(changesBetween(changesOf(a), held + 1, healedAt))).toEqual([]);
    hosts.cutOff(a, false);
    await waitUntilRows(a, healthy);
    await waitUntilCleared(a, "isolated");
    await waitFor("its end is told", () => alertsOf(a, "isolated", "cleared").length > 0, patience);
    expect([historyOf(a), historyOf(b)]).toEqual(before);
  });

  it("keeps what an operator did before and meanwhile", async () => {
    await adminQuery(a, "UPDATE mysql_servers SET status='OFFLINE_SOFT' WHERE hostname='db3.example'");
    await adminQuery(a, "LOAD MYSQL SERVERS TO RUNTIME");
    await adminQuery(a, "SAVE MYSQL SERVERS TO DISK");
    await waitUntilRows(b, "10 db1 ONLINE, 20 db2 ONLINE, 20 db3 OFFLINE_SOFT");
    hosts.cutOff(a, true);
    await waitUntilRows(a, allFenced);
    await addServer(a, "db4.example");
    await waitUntilRows(a, `${allFenced}, 20 db4 OFFLINE_SOFT`);
    // What is meant went to the peer, which is not isolated.
    await waitUntilRows(b, "10 db1 ONLINE, 20 db2 ONLINE, 20 db3 OFFLINE_SOFT, 20 db4 ONLINE");
    hosts.cutOff(a, false);
    await waitUntilRows(a, "10 db1 ONLINE, 20 db2 ONLINE, 20 db3 OFFLINE_SOFT, 20 db4 ONLINE");
    for (const sql of [
      "UPDATE mysql_servers SET status='ONLINE' WHERE hostname='db3.example'",
      "DELETE FROM mysql_servers WHERE hostname='db4.example'",
      "LOAD MYSQL SERVERS TO RUNTIME",
      "SAVE MYSQL SERVERS TO DISK",
    ])
      await adminQuery(a, sql);
    for (const host of [a, b]) await waitUntilRows(host, healthy);
  });

  it("tells Orchestrator's end from its own", async () => {
    await hosts.killOrchestrator();
    await waitUntilIsolated(a, "orchestrator-down");
    await waitForReason(b, "isolated");
    expect((await waitForReason(a, "isolated")).sentence).toContain("Orchestrator is down");
    await waitUntilRows(a, allFenced);
    await hosts.reviveOrchestrator();
    for (const host of [a, b]) await waitUntilRows(host, healthy);
  });

  it("with the whole site: takes nothing while the other site serves, and no server of it is used till both agree", async () => {
    const cutAt = Date.now();
    setCut(hosts.lab, true);
    hosts.cutOff(a, true);
    await waitUntilLeading(b, shop);
    await waitUntilRows(a, allFenced);
    await waitUntilIsolated(a, "cut-off");
    expect(carpRole(a)).toBe("MASTER");
    await waitUntilLongIsolated(a);
    const held = heldSince(a, cutAt);
    expect(await rowsOf(b)).toBe(healthy);
    const healedAt = Date.now();
    expect(usedIn(changesBetween(changesOf(a), held + 1, healedAt))).toEqual([]);
    hosts.cutOff(a, false);
    setCut(hosts.lab, false);
    await waitFor(
      "one of them gives way",
      () => [a, b].map(carpRole).sort().join(" ") === "BACKUP MASTER",
      patience,
    );
    for (const host of [a, b]) await waitUntilRows(host, healthy);
    await waitUntilCleared(a, "isolated", "both-master");
  });
});

describe.each(["warm", "cold"] as const)("in %s standby", (standby) => {
  describeFencedHosts("an active node that is cut off, with on_isolation = demote", (start) => {
    let hosts: FencedHosts;
    let a: Host;
    let b: Host;
    let clients: Port;
    let client: Client;

    beforeAll(async () => {
      hosts = await start({
        standby,
        preempt: true,
        orchestrator: ['on_isolation = "demote"'],
        carp: 'hold = "1s"',
      });
      ({ a, b } = hosts);
      clients = addPort(hosts.lab.network, "client", "192.0.2.50", {});
      client = await startClientIn(clients, sharedAddress);
    });

    const mastersOf = (host: Host): number =>
      journalOf(host).transitions.filter(({ role }) => role === "MASTER").length;

    it("gives the address, once, to the peer that sees a quorum", async () => {
      await waitFor("the client is served", () => client.served().length > 0, patience);
      const before = [mastersOf(a), mastersOf(b)];
      const cutAt = Date.now();
      hosts.cutOff(a, true);
      setReachable(a.port, clients, false);
      await waitUntilLeading(b, shop);
      await waitForRole(a, "BACKUP");
      expect(holdsAddress(b)).toBe(true);
      await waitFor(
        "the client is served again",
        () => client.seenSince(Date.now() - 1_000).failures === 0,
        patience,
      );
      expect(client.seenSince(cutAt).unservedMs).toBeGreaterThan(graceMs - 1_000);
      await waitUntilLongIsolated(a);
      expect((await waitForReason(a, "isolated")).sentence).toContain("this node is cut off");
      expect([mastersOf(a), mastersOf(b)]).toEqual([before[0], (before[1] ?? 0) + 1]);
      expect(await rowsOf(b)).toBe(healthy);
      const moved = journalOf(b).transitions.length;
      hosts.cutOff(a, false);
      setReachable(a.port, clients, true);
      await waitUntilCleared(a, "isolated");
      await waitUntilCleared(b, "isolated");
      expect([carpRole(a), carpRole(b)]).toEqual(["BACKUP", "MASTER"]);
      expect(journalOf(b).transitions).toHaveLength(moved);
    });

    it("moves nothing when Orchestrator is down for both", async () => {
      const before = [historyOf(a), historyOf(b)];
      await hosts.killOrchestrator();
      for (const host of [a, b]) await waitUntilIsolated(host, "orchestrator-down");
      for (const host of [a, b]) await waitUntilLongIsolated(host);
      expect([historyOf(a), historyOf(b)]).toEqual(before);
      expect(await rowsOf(b)).toBe(healthy);
      await hosts.reviveOrchestrator();
      for (const host of [a, b]) await waitUntilCleared(host, "isolated");
      expect([historyOf(a), historyOf(b)]).toEqual(before);
    });
  });
});
