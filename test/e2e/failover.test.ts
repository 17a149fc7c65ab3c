import { beforeAll, describe, expect, it } from "vitest";
import { carpRole, type Host, killHost, serviceCalls, startHost } from "../support/host/host.js";
import { hostOf, shopDatabase, startAll } from "../support/host/netns.js";
import {
  addServer,
  journalOf,
  newestHeld,
  patience,
  serversOf,
  statusOf,
  troublesOf,
  waitUntilLeading,
  waitUntilStandingBy,
} from "../support/host/pair.js";
import { describeHosts } from "../support/host/suite.js";
import { waitFor } from "../support/host/wait.js";

const shop = "db1.example db2.example db3.example";

describe.each(["warm", "cold"] as const)("a %s pair", (standby) => {
  describeHosts("loses its active host and gets it back", (makeLab) => {
    let a: Host;
    let b: Host;

    beforeAll(async () => {
      const lab = makeLab({ standby, databases: [shopDatabase] });
      a = hostOf(lab, "a");
      b = hostOf(lab, "b");
      await startAll(lab);
    });

    it("settles after both booted at once: one leads, the other has its configuration", async () => {
      await waitUntilLeading(a, shop);
      await waitUntilStandingBy(b, a, shop);
      await waitFor("no trouble is left", () => troublesOf(a).length + troublesOf(b).length === 0, patience);
      expect([...journalOf(a).notes, ...journalOf(b).notes]).not.toContain("divergence");
    });

    it("ships a change of the active host", async () => {
      await addServer(a, "db4.example");
      await waitUntilLeading(a, `${shop} db4.example`);
      await waitUntilStandingBy(b, a, `${shop} db4.example`);
    });

    it("serves exactly that configuration from the other host after a kill", async () => {
      const shipped = newestHeld(b);
      const before = statusOf(a);
      const startsBefore = serviceCalls(b).filter((call) => call === "onestart").length;
      killHost(a);
      const status = await waitUntilLeading(b, `${shop} db4.example`);
      expect(status.leads).toBeGreaterThan(before.leads ?? Number.NaN);
      expect(before.running?.text).toBe(shipped);
      const last = journalOf(b).transitions.at(-1);
      expect(last).toMatchObject({ role_before: "BACKUP", role: "MASTER", outcome: "done" });
      const starts = serviceCalls(b).filter((call) => call === "onestart").length - startsBefore;
      expect(starts).toBe(standby === "cold" ? 1 : 0);
    });

    it("takes the dead host back as the passive one, which rolls nothing back", async () => {
      await addServer(b, "db5.example");
      const servers = `${shop} db4.example db5.example`;
      await waitUntilLeading(b, servers);
      await startHost(a);
      await waitUntilStandingBy(a, b, servers);
      expect(carpRole(b)).toBe("MASTER");
      expect(await serversOf(b)).toBe(servers);
      expect(journalOf(a).notes).not.toContain("superseded-unshipped");
    });

    it("fails over to it again with what was changed meanwhile", async () => {
      killHost(b);
      await waitUntilLeading(a, `${shop} db4.example db5.example`);
    });

    it("keeps the configuration when both lose power and boot at once", async () => {
      await startHost(b);
      await waitUntilStandingBy(b, a, `${shop} db4.example db5.example`);
      const before = statusOf(a);
      killHost(a);
      killHost(b);
      await Promise.all([startHost(a), startHost(b)]);
      const status = await waitUntilLeading(a, `${shop} db4.example db5.example`);
      await waitUntilStandingBy(b, a, `${shop} db4.example db5.example`);
      expect(status.leads).toBeGreaterThanOrEqual(before.leads ?? Number.NaN);
      expect([...journalOf(a).notes, ...journalOf(b).notes]).not.toContain("divergence");
    });
  });
});
