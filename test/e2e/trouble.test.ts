import { beforeAll, beforeEach, describe, expect, it } from "vitest";
import {
  carpRole,
  devdLog,
  dropDevdEvents,
  type Host,
  killHost,
  startAgent,
  startHost,
  stopAgent,
} from "../support/host/host.js";
import { hostOf, type Lab, setCut, shopDatabase, startAll } from "../support/host/netns.js";
import { setReachable } from "../support/host/network.js";
import {
  addServer,
  journalOf,
  newestHeld,
  patience,
  serversOf,
  spooledEvents,
  statusOf,
  troublesOf,
  waitUntilLeading,
  waitUntilStandingBy,
} from "../support/host/pair.js";
import { describeHosts } from "../support/host/suite.js";
import { waitFor } from "../support/host/wait.js";

const shop = "db1.example db2.example db3.example";

describe.each(["warm", "cold"] as const)("a %s pair", (standby) => {
  describeHosts("without its usual signals", (makeLab) => {
    let a: Host;
    let b: Host;

    beforeAll(async () => {
      const lab = makeLab({ standby, databases: [shopDatabase] });
      a = hostOf(lab, "a");
      b = hostOf(lab, "b");
      await startAll(lab);
      await waitUntilLeading(a, shop);
      await waitUntilStandingBy(b, a, shop);
    });

    it("promotes although devd's event is lost", async () => {
      dropDevdEvents(b, true);
      killHost(a);
      await waitUntilLeading(b, shop);
      expect(devdLog(b).at(-1)).toMatchObject({ event: expect.stringContaining("MASTER"), dropped: true });
      dropDevdEvents(b, false);
      await startHost(a);
      await waitUntilStandingBy(a, b, shop);
    });

    it("promotes when the agent comes up after the event, and takes the event out of the spool", async () => {
      expect(await stopAgent(a)).toBe(0);
      const transitions = journalOf(a).transitions.length;
      killHost(b);
      await waitFor("a has the address", () => carpRole(a) === "MASTER", patience);
      await waitFor("the hook spooled it", () => spooledEvents(a).length > 0);
      expect(journalOf(a).transitions.length).toBe(transitions);
      startAgent(a);
      await waitUntilLeading(a, shop);
      await waitFor("the spool is empty", () => spooledEvents(a).length === 0);
      await startHost(b);
      await waitUntilStandingBy(b, a, shop);
    });

    it("promotes after the agent was killed, not stopped, before the event", async () => {
      await stopAgent(b, "SIGKILL");
      killHost(a);
      await waitFor("b has the address", () => carpRole(b) === "MASTER", patience);
      startAgent(b);
      await waitUntilLeading(b, shop);
    });
  });

  describeHosts("whose hosts cannot reach each other", (makeLab) => {
    let lab: Lab;
    let a: Host;
    let b: Host;

    beforeEach(async () => {
      lab = makeLab({ standby, databases: [shopDatabase] });
      a = hostOf(lab, "a");
      b = hostOf(lab, "b");
      await startAll(lab);
      await waitUntilLeading(a, shop);
      await waitUntilStandingBy(b, a, shop);
    });

    it("serves on, says so, and ships when the peer is back", async () => {
      setReachable(a.port, b.port, false);
      await addServer(a, "db4.example");
      await waitFor("a names the peer", () => troublesOf(a).includes("peer-unreachable"), patience, 200);
      expect(await serversOf(a)).toBe(`${shop} db4.example`);
      expect(statusOf(a)).toMatchObject({ role: "MASTER", proxysql: { serving: true } });
      setReachable(a.port, b.port, true);
      await waitUntilStandingBy(b, a, `${shop} db4.example`);
      await waitFor("no trouble is left", () => troublesOf(a).length === 0, patience, 200);
      killHost(a);
      await waitUntilLeading(b, `${shop} db4.example`);
    });

    it("fails over with the last shipped configuration, and later reports what was not", async () => {
      setReachable(a.port, b.port, false);
      await addServer(a, "db4.example");
      killHost(a);
      await waitUntilLeading(b, shop);
      await addServer(b, "db5.example");
      setReachable(a.port, b.port, true);
      await startHost(a);
      await waitUntilStandingBy(a, b, `${shop} db5.example`);
      if (standby === "cold") {
        // A cold node takes over what it received when it is promoted, and only then loses its own.
        killHost(b);
        await waitUntilLeading(a, `${shop} db5.example`);
      }
      expect(journalOf(a).notes).toContain("superseded-unshipped");
    });

    it("come out of a split with one of the two configurations, and a report", async () => {
      setCut(lab, true);
      await waitUntilLeading(b, shop);
      expect(carpRole(a)).toBe("MASTER");
      await addServer(a, "only-a.example");
      await addServer(b, "only-b.example");
      setCut(lab, false);
      await waitFor("one master", () => carpRole(b) === "BACKUP", patience);
      await waitFor(
        "both serve or hold the same",
        () => statusOf(a).running?.text === newestHeld(b),
        patience,
        200,
      );
      const notes = [...journalOf(a).notes, ...journalOf(b).notes];
      expect(notes.some((note) => note === "divergence" || note === "superseded-unshipped")).toBe(true);
    });
  });
});
