import { beforeAll, expect, it } from "vitest";
import {
  demotionOf,
  mendProxysql,
  ruinProxysql,
  waitForReason,
  waitForRole,
  waitUntilCleared,
  waitUntilFit,
} from "../../support/host/guards.js";
import { carpRole, type Host, serviceCalls } from "../../support/host/host.js";
import { hostOf, shopDatabase, startAll } from "../../support/host/netns.js";
import { patience, statusOf, waitUntilLeading, waitUntilStandingBy } from "../../support/host/pair.js";
import { describeHosts } from "../../support/host/suite.js";
import { waitFor } from "../../support/host/wait.js";

const shop = "db1.example db2.example db3.example";
const holdMs = 6_000;

describeHosts("a pair whose ProxySQL dies again and again", (makeLab) => {
  let a: Host;
  let b: Host;

  // Two moves an hour for each host: one away, one back.
  beforeAll(async () => {
    const more = {
      carp: `hold = "${holdMs}ms"\nmoves_per_hour = 2`,
      proxysql: 'restarts = 0\nstart_timeout = "4s"',
    };
    const lab = makeLab({ standby: "warm", databases: [shopDatabase], more });
    a = hostOf(lab, "a");
    b = hostOf(lab, "b");
    await startAll(lab);
    await waitUntilLeading(a, shop);
    await waitUntilStandingBy(b, a, shop);
  });

  it("moves the address once, and not back before it has been held for a while", async () => {
    ruinProxysql(a);
    await waitFor("a gives it away", () => demotionOf(a) > 0, patience, 50);
    const given = Date.now();
    mendProxysql(a);
    await waitUntilLeading(b, shop);
    await waitUntilFit(a, shop);
    // Its share was there at least as long as `hold`, less what the looks take.
    expect(Date.now() - given).toBeGreaterThan(holdMs - 1_000);
  });

  it("stays where it is when the moves of the hour are used up, and says so", async () => {
    ruinProxysql(b);
    await waitUntilLeading(a, shop);
    mendProxysql(b);
    await waitUntilFit(b, shop);
    // a has moved twice: away, and the way back free again.
    ruinProxysql(a);
    const reason = await waitForReason(a, "moves-exhausted");
    expect(reason.severity).toBe("critical");
    const starts = serviceCalls(a).length;
    await waitFor("a goes on trying", () => serviceCalls(a).length > starts, patience);
    expect([carpRole(a), carpRole(b), demotionOf(a)]).toEqual(["MASTER", "BACKUP", 0]);
    expect(statusOf(a).care.exhausted).toBe(true);
    mendProxysql(a);
    await waitUntilLeading(a, shop);
    await waitUntilCleared(a, "moves-exhausted", "proxysql-down");
    await waitForRole(b, "BACKUP");
  });
});
