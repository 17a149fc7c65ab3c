import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type Host, killHost, startHost } from "../../support/host/host.js";
import { patience, statusOf, waitUntilLeading, waitUntilStandingBy } from "../../support/host/pair.js";
import { waitFor } from "../../support/host/wait.js";
import { changesBetween, type ServerChange } from "../../support/standin-control.js";
import {
  changesOf,
  db1,
  db2,
  db3,
  describeFencedHosts,
  type FencedHosts,
  fencedDb1,
  fencesOf,
  healthy,
  rowsOf,
  shop,
  usedIn,
  waitUntilFenced,
  waitUntilRows,
} from "./fenced-hosts.js";

/** db1 is a replica again: its row in the writer hostgroup is gone. */
const asReader = "20 db1 ONLINE, 20 db2 ONLINE, 20 db3 ONLINE";

describe.each(["warm", "cold"] as const)("in %s standby", (standby) => {
  describeFencedHosts("a pair with a dead primary", (start) => {
    let hosts: FencedHosts;
    let a: Host;
    let b: Host;

    beforeEach(async () => {
      hosts = await start({ standby });
      ({ a, b } = hosts);
      await hosts.orchestrator.failMaster("shop", { successor: db2 });
      await waitUntilRows(a, fencedDb1);
      await waitUntilFenced(b, db1);
      if (standby === "warm") await waitUntilRows(b, fencedDb1);
    });

    // The machine has two cores: the next case's hosts are enough.
    afterEach(() => {
      for (const host of hosts.lab.hosts) killHost(host);
    });

    /** Changes of a host's servers from now on; the first call says since when. */
    function from(host: Host): () => ServerChange[] {
      const since = Date.now();
      return () => changesBetween(changesOf(host), since).filter(({ cause }) => cause !== "stop");
    }

    function expectNeverUsed(changes: readonly ServerChange[]): void {
      const used = usedIn(changes);
      expect(used.filter((row) => row.includes(db1.host))).toEqual([]);
      // It has looked at something.
      expect(used).toContain(`20 ${db3.host}`);
    }

    it("never has it in use on the node that takes over, though Orchestrator's leader was lost with the other", async () => {
      const { orchestrator } = hosts;
      const changes = from(b);
      await orchestrator.killNode(await orchestrator.leader());
      killHost(a);
      await waitUntilLeading(b, shop);
      await orchestrator.leader();
      await waitFor(
        "b hears the next leader",
        async () => (await fencesOf(b)).orchestrator.state === "quorum",
        patience,
      );
      // It comes back as it died, writable: nobody leads that ever called it lost.
      await orchestrator.setInstance(db1, { alive: true });
      await waitUntilRows(b, fencedDb1);
      expectNeverUsed(changes());

      await startHost(a);
      await waitUntilStandingBy(a, b, shop);
      await orchestrator.setInstance(db1, { master: db2, readOnly: true });
      await waitUntilRows(b, asReader);
      // Its disk has the fence: a cold node keeps it in mind until its ProxySQL is there to undo it.
      if (standby === "cold") return;
      await waitUntilFenced(a);
      await waitUntilRows(a, asReader);
    });

    it("never has it in use on a host that is started anew, and gives nothing back that is still dead", async () => {
      killHost(a);
      await waitUntilLeading(b, shop);
      const changes = from(a);
      await startHost(a);
      await waitUntilStandingBy(a, b, shop);
      await waitUntilFenced(a, db1);
      killHost(b);
      await waitUntilLeading(a, shop);
      await waitUntilRows(a, fencedDb1);
      expectNeverUsed(changes());
    });

    it("never has it in use after the power failed on both, with Orchestrator away", async () => {
      killHost(a);
      killHost(b);
      await hosts.killOrchestrator();
      const changes = [from(a), from(b)];
      await Promise.all([startHost(a), startHost(b)]);
      const active = await waitFor(
        "one of them leads and serves",
        () =>
          [a, b].find((host) => {
            const { role, leads, proxysql } = statusOf(host);
            return role === "MASTER" && leads !== null && proxysql.serving;
          }),
        patience,
        200,
      );
      expect((await rowsOf(active)).split(", ")).toContain("10 db1 OFFLINE_SOFT");
      await hosts.reviveOrchestrator();
      await waitUntilRows(active, fencedDb1);
      for (const host of [a, b]) await waitUntilFenced(host, db1);
      const of = changes[active === a ? 0 : 1];
      expectNeverUsed(of?.() ?? []);
    });

    it("uses again what was brought back while the host was off", async () => {
      killHost(a);
      await waitUntilLeading(b, shop);
      await hosts.orchestrator.setTopology([
        { ...db1, alias: "shop", master: db2, readOnly: true },
        { ...db2, alias: "shop", master: null, readOnly: false },
        { ...db3, alias: "shop", master: db2 },
      ]);
      await hosts.orchestrator.endDowntime(db1);
      await waitUntilFenced(b);
      await waitUntilRows(b, asReader);
      await startHost(a);
      await waitUntilStandingBy(a, b, shop);
      if (standby === "warm") await waitUntilRows(a, asReader);
      killHost(b);
      await waitUntilLeading(a, shop);
      await waitUntilRows(a, asReader);
      await waitUntilFenced(a);
    });
  });

  describeFencedHosts("a pair whose fence has ended while the host was off", (start) => {
    it("has nothing fenced that should not be", async () => {
      const { a, b, orchestrator } = await start({ standby });
      await orchestrator.beginDowntime(db1, "op", "disk");
      await waitUntilRows(a, fencedDb1);
      await waitUntilFenced(b, db1);
      killHost(a);
      killHost(b);
      await orchestrator.endDowntime(db1);
      await Promise.all([startHost(a), startHost(b)]);
      const active = await waitFor(
        "one of them leads",
        () => [a, b].find((host) => statusOf(host).role === "MASTER" && statusOf(host).leads !== null),
        patience,
        200,
      );
      await waitUntilRows(active, healthy);
      for (const host of [a, b]) await waitUntilFenced(host);
      await waitUntilStandingBy(active === a ? b : a, active, shop);
      if (standby === "warm") await waitUntilRows(active === a ? b : a, healthy);
    });
  });
});
