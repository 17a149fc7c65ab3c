import { beforeAll, describe, expect, it } from "vitest";
import { carpRole, devdLog, type Host, linkDown, linkUp, runOnce } from "../support/host/host.js";
import { hostOf, shopDatabase, startAll } from "../support/host/netns.js";
import {
  addServer,
  journalOf,
  newestHeld,
  patience,
  statusOf,
  waitUntilLeading,
  waitUntilStandingBy,
} from "../support/host/pair.js";
import { describeHosts } from "../support/host/suite.js";
import { waitFor } from "../support/host/wait.js";

const shop = "db1.example db2.example db3.example";
const later = `${shop} db7.example`;
const latest = `${shop} db7.example db8.example`;

/** As an operator moves the address where nobody preempts: demoted, asked to step down, and taken back afterwards. */
async function moveRole(from: Host, to: Host): Promise<void> {
  runOnce(from, ["sysctl", "net.inet.carp.demotion=240"]);
  runOnce(from, ["ifconfig", "em0", "vhid", "9", "state", "backup"]);
  await waitFor(`${to.name} takes over`, () => carpRole(to) === "MASTER", patience);
  runOnce(from, ["sysctl", "net.inet.carp.demotion=-240"]);
}

describe.each(["warm", "cold"] as const)("a %s pair", (standby) => {
  describeHosts("goes through a link flap on the active host", (makeLab) => {
    let a: Host;
    let b: Host;

    // a has received a configuration from b once, and changed its own since: what restoring "the newest received file"
    // would bring back.
    beforeAll(async () => {
      const lab = makeLab({ standby, databases: [shopDatabase] });
      a = hostOf(lab, "a");
      b = hostOf(lab, "b");
      await startAll(lab);
      await waitUntilLeading(a, shop);
      await waitUntilStandingBy(b, a, shop);
      await moveRole(a, b);
      await waitUntilLeading(b, shop);
      await addServer(b, "db7.example");
      await waitUntilStandingBy(a, b, later);
      await moveRole(b, a);
      await waitUntilLeading(a, later);
      await addServer(a, "db8.example");
      await waitUntilStandingBy(b, a, latest);
    });

    it("rolls nothing back when it is INIT and then MASTER again", async () => {
      const held = newestHeld(a);
      const installsBefore = journalOf(a).snapshots.filter(({ event }) => event === "installed").length;
      const eventsBefore = devdLog(a).length;
      // The peer stays out of the election, but can be asked.
      runOnce(b, ["sysctl", "net.inet.carp.allow=0"]);
      await waitFor("b is INIT", () => carpRole(b) === "INIT");
      linkDown(a);
      await waitFor(
        "the agent of a saw it",
        () => journalOf(a).transitions.at(-1)?.role === "INIT",
        patience,
      );
      linkUp(a);
      await waitUntilLeading(a, latest);
      const types = devdLog(a)
        .slice(eventsBefore)
        .map((entry) => entry.event.replace(/.*type=/, ""));
      expect(types).toEqual(["INIT", "BACKUP", "MASTER"]);
      const installs = journalOf(a).snapshots.filter(({ event }) => event === "installed");
      expect(installs.length).toBe(installsBefore);
      expect(statusOf(a).running?.node).toBe("a");
      expect(held?.endsWith("@a")).toBe(true);
      // A step that first runs into its deadline and then works is seconds without service.
      expect(journalOf(a).failures).toEqual([]);
    });

    it("rolls nothing back when it flaps many times in a second", async () => {
      for (let flap = 0; flap < 6; flap += 1) {
        linkDown(a);
        await waitFor("down", () => carpRole(a) === "INIT");
        linkUp(a);
        await waitFor("up", () => carpRole(a) === "BACKUP");
      }
      await waitUntilLeading(a, latest);
      runOnce(b, ["sysctl", "net.inet.carp.allow=1"]);
      await waitUntilStandingBy(b, a, latest);
      expect([...journalOf(a).notes, ...journalOf(b).notes]).not.toContain("divergence");
    });

    it("follows when the peer took over during the outage", async () => {
      linkDown(a);
      await waitUntilLeading(b, latest);
      linkUp(a);
      await waitUntilStandingBy(a, b, latest);
      expect(carpRole(b)).toBe("MASTER");
    });
  });
});
