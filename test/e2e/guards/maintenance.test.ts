import { beforeAll, expect, it } from "vitest";
import {
  share,
  waitForDemotion,
  waitForReason,
  waitForRole,
  waitUntilCleared,
} from "../../support/host/guards.js";
import {
  cli,
  type Host,
  killHost,
  killProxysql,
  startAgent,
  startHost,
  stopAgent,
} from "../../support/host/host.js";
import { hostOf, shopDatabase, startAll } from "../../support/host/netns.js";
import { patience, statusOf, waitUntilLeading, waitUntilStandingBy } from "../../support/host/pair.js";
import { describeHosts } from "../../support/host/suite.js";
import { waitFor } from "../../support/host/wait.js";

const shop = "db1.example db2.example db3.example";

function maintenance(host: Host, ...args: string[]): void {
  const { status, stdout, stderr } = cli(host, ["maintenance", ...args]);
  expect({ status, stdout, stderr }).toMatchObject({ status: 0 });
}

describeHosts("a host in maintenance", (makeLab) => {
  let a: Host;
  let b: Host;

  beforeAll(async () => {
    const lab = makeLab({ standby: "warm", databases: [shopDatabase], more: { carp: 'hold = "1s"' } });
    a = hostOf(lab, "a");
    b = hostOf(lab, "b");
    await startAll(lab);
    await waitUntilLeading(a, shop);
    await waitUntilStandingBy(b, a, shop);
  });

  it("says so, to its peer as well, and carries a demotion", async () => {
    maintenance(b, "on", "--note", "new disk");
    await waitForReason(b, "maintenance-on");
    expect(statusOf(b).maintenance).toMatchObject({ note: "new disk", forcePromotion: false });
    await waitForDemotion(b, share);
    await waitForReason(a, "peer-not-ready");
  });

  it("does not look after its ProxySQL", async () => {
    killProxysql(b);
    await waitForReason(b, "proxysql-down");
    expect(statusOf(b).proxysql.up).toBe(false);
  });

  it("stays in it when the agent is started anew, and when the host is", async () => {
    expect(await stopAgent(b)).toBe(0);
    startAgent(b);
    await waitForReason(b, "maintenance-on");
    killHost(b);
    await startHost(b);
    const { since } = await waitForReason(b, "maintenance-on");
    expect(Number.isNaN(Date.parse(since))).toBe(false);
    expect(statusOf(b).maintenance).toMatchObject({ note: "new disk" });
    await waitForDemotion(b, share);
  });

  it("is not promoted when it gains the role, unless forced", async () => {
    killHost(a);
    await waitForRole(b, "MASTER");
    await waitFor("its agent has seen it", () => statusOf(b).role === "MASTER", patience, 200);
    await waitForReason(b, "maintenance-on");
    expect(statusOf(b).leads).toBeNull();
    maintenance(b, "on", "--force-promotion");
    await waitUntilLeading(b, shop);
  });

  it("acts again when it is off", async () => {
    maintenance(b, "off");
    await waitUntilCleared(b, "maintenance-on");
    await waitForDemotion(b, 0);
    expect(statusOf(b).maintenance).toBeNull();
    await startHost(a);
    await waitUntilStandingBy(a, b, shop);
  });
});
