import { beforeAll, expect, it } from "vitest";
import {
  demotionOf,
  mendProxysql,
  ruinProxysql,
  share,
  waitForDemotion,
  waitForReason,
  waitForRole,
  waitUntilFit,
} from "../../support/host/guards.js";
import {
  carpRole,
  carpWords,
  type Host,
  killHost,
  setFailing,
  startAgent,
  startHost,
  stopAgent,
  sysctl,
  sysctlWrites,
} from "../../support/host/host.js";
import { hostOf, shopDatabase, startAll } from "../../support/host/netns.js";
import { patience, statusOf, waitUntilLeading, waitUntilStandingBy } from "../../support/host/pair.js";
import { describeHosts } from "../../support/host/suite.js";
import { waitFor } from "../../support/host/wait.js";

const shop = "db1.example db2.example db3.example";

describeHosts("a passive host that is not ready", (makeLab) => {
  let a: Host;
  let b: Host;

  // a has the better skew and everybody preempts: only its demotion keeps it from the address.
  beforeAll(async () => {
    const more = { carp: 'hold = "1s"\nmoves_per_hour = 1000', proxysql: 'start_timeout = "4s"' };
    const lab = makeLab({ standby: "warm", databases: [shopDatabase], preempt: true, more });
    a = hostOf(lab, "a");
    b = hostOf(lab, "b");
    await startAll(lab);
    await waitUntilLeading(a, shop);
    await waitUntilStandingBy(b, a, shop);
    await waitUntilFit(b, shop);
  });

  it("carries a demotion of its own, and does not win against a living master", async () => {
    sysctl(a, "net.inet.carp.demotion=240");
    await waitUntilLeading(b, shop);
    await waitUntilStandingBy(a, b, shop);
    ruinProxysql(a);
    await waitForDemotion(a, 240 + share);
    expect(statusOf(a).care).toMatchObject({ share, shareWhy: "unready" });
    sysctl(a, "net.inet.carp.demotion=-240");
    await waitFor("a's CARP has heard", () => carpWords(a) === "--advskew=240 --preempt");
    await waitForReason(a, "own-demotion");
    expect([carpRole(a), carpRole(b)]).toEqual(["BACKUP", "MASTER"]);
  });

  it("takes over when the master is gone, and drops the demotion when it is ready again", async () => {
    killHost(b);
    await waitForRole(a, "MASTER");
    mendProxysql(a);
    await waitUntilLeading(a, shop);
    await waitForDemotion(a, 0);
    await startHost(b);
    await waitUntilStandingBy(b, a, shop);
    await waitUntilFit(b, shop);
  });

  it("has it again after a reboot, which forgot it", async () => {
    ruinProxysql(b);
    await waitForDemotion(b, share);
    killHost(b);
    await startHost(b, { agent: false });
    expect(demotionOf(b)).toBe(0);
    startAgent(b);
    await waitForDemotion(b, share);
    mendProxysql(b);
    await waitForDemotion(b, 0);
    await waitUntilFit(b, shop);
  });

  it("neither loses nor doubles it when the agent is killed before or after the write", async () => {
    const writes = sysctlWrites(b).length;
    setFailing(b, "sysctl.write.hang", true);
    ruinProxysql(b);
    await waitFor("b's agent is about to write", () => sysctlWrites(b).length > writes, patience, 20);
    await stopAgent(b, "SIGKILL");
    expect(demotionOf(b)).toBe(0);
    setFailing(b, "sysctl.write.hang", false);
    setFailing(b, "sysctl.write.late", true);
    startAgent(b);
    await waitForWritten(b, share);
    await stopAgent(b, "SIGKILL");
    setFailing(b, "sysctl.write.late", false);
    startAgent(b);
    await waitFor("b knows its share", () => statusOf(b).care.share === share, patience, 200);
    expect(demotionOf(b)).toBe(share);

    setFailing(b, "sysctl.write.late", true);
    mendProxysql(b);
    await waitForWritten(b, 0);
    await stopAgent(b, "SIGKILL");
    setFailing(b, "sysctl.write.late", false);
    startAgent(b);
    await waitUntilFit(b, shop);
    expect(demotionOf(b)).toBe(0);
  });
});

/** The value is there, and the program that wrote it still hangs: the agent does not know yet. */
async function waitForWritten(host: Host, demotion: number): Promise<void> {
  await waitFor("written", () => demotionOf(host) === demotion, patience, 20);
}
