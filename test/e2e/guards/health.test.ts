import { beforeAll, expect, it } from "vitest";
import {
  demotionOf,
  mendProxysql,
  ruinProxysql,
  share,
  waitForDemotion,
  waitForReason,
  waitForRole,
  waitUntilCleared,
  waitUntilFit,
} from "../../support/host/guards.js";
import {
  adminQuery,
  carpRole,
  crashProxysql,
  type Host,
  holdsAddress,
  killProxysql,
  serviceCalls,
  sysctl,
} from "../../support/host/host.js";
import { hostOf, shopDatabase, startAll } from "../../support/host/netns.js";
import { setReachable } from "../../support/host/network.js";
import { patience, statusOf, waitUntilLeading, waitUntilStandingBy } from "../../support/host/pair.js";
import { describeHosts } from "../../support/host/suite.js";
import { waitFor } from "../../support/host/wait.js";

const shop = "db1.example db2.example db3.example";
const restarts = 1;

function startsOf(host: Host): number {
  return serviceCalls(host).filter((call) => call === "onestart").length;
}

/** An operator gives clients another port, which only a start applies. It is the node's own setting: not shipped. */
async function listenAt(host: Host, port: number): Promise<void> {
  const variable = "variable_name = 'mysql-interfaces'";
  await adminQuery(host, `UPDATE global_variables SET variable_value = '0.0.0.0:${port}' WHERE ${variable}`);
  await adminQuery(host, "SAVE MYSQL VARIABLES TO DISK");
  crashProxysql(host);
}

// Nobody preempts: FreeBSD's default, in which demotion alone moves nothing.
describeHosts("ProxySQL's health drives CARP", (makeLab) => {
  let a: Host;
  let b: Host;

  beforeAll(async () => {
    const more = {
      carp: 'hold = "1s"\nmoves_per_hour = 1000',
      proxysql: `restarts = ${restarts}\nstart_timeout = "4s"`,
    };
    const lab = makeLab({ standby: "warm", databases: [shopDatabase], more });
    a = hostOf(lab, "a");
    b = hostOf(lab, "b");
    await startAll(lab);
    await waitUntilLeading(a, shop);
    await waitUntilStandingBy(b, a, shop);
  });

  it("a ProxySQL that died is started again where it is", async () => {
    const starts = startsOf(a);
    killProxysql(a);
    await waitFor("a starts it", () => startsOf(a) > starts, patience);
    await waitUntilLeading(a, shop);
    await waitUntilCleared(a, "proxysql-down", "not-serving");
    expect([carpRole(a), carpRole(b), demotionOf(a)]).toEqual(["MASTER", "BACKUP", 0]);
  });

  it("one that cannot be started gives the address to the peer, which serves the same", async () => {
    // Well for longer than `hold`, so that the tries count from none.
    await waitFor("a is at peace", () => statusOf(a).care.restarts === 0, patience, 200);
    const starts = startsOf(a);
    ruinProxysql(a);
    await waitForReason(a, "proxysql-down");
    await waitUntilLeading(b, shop);
    expect([holdsAddress(a), holdsAddress(b)]).toEqual([false, true]);
    expect(demotionOf(a)).toBe(share);
    expect(startsOf(a) - starts).toBeGreaterThanOrEqual(restarts);
    await waitForReason(a, "own-demotion");
  });

  it("its own demotion is taken back when it is well, and nothing of an operator's", async () => {
    sysctl(a, "net.inet.carp.demotion=100");
    mendProxysql(a);
    await waitForDemotion(a, 100);
    await waitUntilFit(a, shop);
    await waitUntilCleared(a, "own-demotion", "proxysql-down");
    expect([carpRole(a), carpRole(b)]).toEqual(["BACKUP", "MASTER"]);
    sysctl(a, "net.inet.carp.demotion=-100");
    expect(demotionOf(a)).toBe(0);
  });

  it("one that runs but does not serve counts as dead", async () => {
    await listenAt(b, 7033);
    await waitForReason(b, "not-serving");
    await waitUntilLeading(a, shop);
    expect(demotionOf(b)).toBe(share);
    await listenAt(b, 6033);
    await waitForDemotion(b, 0);
    await waitUntilFit(b, shop);
  });

  it("never while the peer cannot serve either", async () => {
    ruinProxysql(b);
    await waitForDemotion(b, share);
    await waitForReason(a, "peer-not-ready");
    ruinProxysql(a);
    await waitFor("a has tried in vain", () => statusOf(a).care.restarts > restarts, patience, 200);
    const tries = startsOf(a);
    await waitFor("a goes on trying", () => startsOf(a) > tries, patience, 200);
    expect([carpRole(a), carpRole(b), demotionOf(a)]).toEqual(["MASTER", "BACKUP", 0]);
    mendProxysql(a);
    await waitUntilLeading(a, shop);
    mendProxysql(b);
    await waitUntilFit(b, shop);
    // A service that does not start is not the fault of the snapshot that came last.
    await waitUntilStandingBy(b, a, shop);
    expect(statusOf(b).doubts).toEqual([]);
    await waitUntilCleared(a, "peer-not-ready", "proxysql-down");
  });

  it("never while the peer cannot be asked; as soon as it can, yes", async () => {
    setReachable(a.port, b.port, false);
    await waitForReason(a, "peer-unreachable");
    ruinProxysql(a);
    await waitFor("a has tried in vain", () => statusOf(a).care.restarts > restarts, patience, 200);
    expect([carpRole(a), carpRole(b), demotionOf(a)]).toEqual(["MASTER", "BACKUP", 0]);
    setReachable(a.port, b.port, true);
    await waitForRole(b, "MASTER");
    await waitUntilLeading(b, shop);
  });
});
