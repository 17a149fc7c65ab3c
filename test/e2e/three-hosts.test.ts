import { beforeEach, describe, expect, it } from "vitest";
import { carpRole, type Host, killHost, startHost } from "../support/host/host.js";
import { hostOf, shopDatabase, startAll } from "../support/host/netns.js";
import { setReachable } from "../support/host/network.js";
import {
  addServer,
  journalOf,
  serversOf,
  statusOf,
  waitUntilLeading,
  waitUntilStandingBy,
} from "../support/host/pair.js";
import { describeHosts } from "../support/host/suite.js";

const shop = "db1.example db2.example db3.example";
const first = `${shop} db4.example`;
const second = `${shop} db4.example db5.example`;

describe.each(["warm", "cold"] as const)("three hosts in %s standby", (standby) => {
  describeHosts("fail over twice", (makeLab) => {
    let a: Host;
    let b: Host;
    let c: Host;

    beforeEach(async () => {
      const lab = makeLab({ standby, count: 3, databases: [shopDatabase] });
      a = hostOf(lab, "a");
      b = hostOf(lab, "b");
      c = hostOf(lab, "c");
      await startAll(lab);
      await waitUntilLeading(a, shop);
      await addServer(a, "db4.example");
      await waitUntilStandingBy(b, a, first);
      await waitUntilStandingBy(c, a, first);
    });

    it("and the last one has what the second one was given", async () => {
      killHost(a);
      await waitUntilLeading(b, first);
      await addServer(b, "db5.example");
      await waitUntilStandingBy(c, b, second);
      killHost(b);
      await waitUntilLeading(c, second);
      // The first one returns with the oldest configuration of the three.
      await startHost(a);
      await waitUntilStandingBy(a, c, second);
      expect(carpRole(c)).toBe("MASTER");
      expect(journalOf(a).notes).not.toContain("divergence");
    });

    it("and one that missed the last change fetches it from the third host", async () => {
      killHost(a);
      await waitUntilLeading(b, first);
      // b can ship to c only; a returns while b leads and hears nothing of it from b itself.
      setReachable(a.port, b.port, false);
      await addServer(b, "db5.example");
      await waitUntilStandingBy(c, b, second);
      await startHost(a);
      killHost(b);
      // a has the lowest skew: it wins the election, with the configuration of two promotions ago on its disk.
      const status = await waitUntilLeading(a, second);
      expect(status.problems.filter((problem) => problem.includes("Peer c"))).toEqual([]);
      await waitUntilStandingBy(c, a, second);
      expect(await serversOf(a)).toBe(second);
      expect(statusOf(a).leads).toBeGreaterThan(2);
    });
  });
});
