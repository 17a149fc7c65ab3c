import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, expect, it } from "vitest";
import { waitForReason, waitForRole, waitUntilCleared } from "../../support/host/guards.js";
import { carpRole, type Host, readLog } from "../../support/host/host.js";
import { hostOf, type Lab, setCut, setDeaf, shopDatabase, startAll } from "../../support/host/netns.js";
import {
  addServer,
  newestHeld,
  patience,
  serversOf,
  statusOf,
  waitUntilLeading,
  waitUntilStandingBy,
} from "../../support/host/pair.js";
import { describeHosts } from "../../support/host/suite.js";
import { waitFor } from "../../support/host/wait.js";

const shop = "db1.example db2.example db3.example";

/** The divergence reports on a host's disk, as text. */
function reportsOf(host: Host): string[] {
  const directory = join(host.places.stateDir, "divergence");
  if (!existsSync(directory)) {
    return [];
  }
  return readdirSync(directory)
    .filter((name) => name.endsWith(".json"))
    .map((name) => readFileSync(join(directory, name), "utf8"));
}

/** When CARP last made the host MASTER, in ms since 1970. */
function becameMaster(host: Host): number {
  const changes = readFileSync(join(host.places.hostState, "carp.log"), "utf8").trim().split("\n");
  const last = changes.filter((line) => line.endsWith("-> MASTER")).at(-1) ?? "";
  return Number(last.split(" ")[0]) * 1_000;
}

/** When the host's agent last said that both are MASTER, in ms since 1970. */
function noticed(host: Host): number {
  const lines = readLog(host, "agent").split("\n");
  const last = lines.filter((line) => line.includes("both nodes are MASTER")).at(-1) ?? "{}";
  return Date.parse((JSON.parse(last) as { time: string }).time);
}

describeHosts("two hosts that are both MASTER", (makeLab) => {
  let lab: Lab;
  let a: Host;
  let b: Host;

  beforeAll(async () => {
    lab = makeLab({ standby: "warm", databases: [shopDatabase] });
    a = hostOf(lab, "a");
    b = hostOf(lab, "b");
    await startAll(lab);
    await waitUntilLeading(a, shop);
    await waitUntilStandingBy(b, a, shop);
  });

  it("see each other while they can talk, and take no snapshot from each other", async () => {
    setDeaf(lab, true);
    await waitForRole(b, "MASTER");
    const since = becameMaster(b);
    await Promise.all([waitForReason(a, "both-master"), waitForReason(b, "both-master")]);
    // Two heartbeats are 1 s; the rest is for a busy machine.
    for (const host of [a, b]) {
      expect(noticed(host) - since).toBeLessThan(4_000);
    }
    await waitUntilLeading(b, shop);
    await addServer(b, "only-b.example");
    await waitUntilLeading(b, `${shop} only-b.example`);
    expect(await serversOf(a)).toBe(shop);
    expect(newestHeld(a)?.endsWith("@a")).toBe(true);
  });

  it("come out of it with one of the two configurations, no longer complaining", async () => {
    setDeaf(lab, false);
    await waitForRole(b, "BACKUP");
    await waitUntilAgreed();
    await Promise.all([waitUntilCleared(a, "both-master"), waitUntilCleared(b, "both-master")]);
  });

  it("edited while they were cut apart, leave a report of what each changed, row by row", async () => {
    const servers = await serversOf(a);
    const before = [a, b].map((host) => reportsOf(host).length);
    setCut(lab, true);
    await waitUntilLeading(b, servers);
    expect(carpRole(a)).toBe("MASTER");
    await Promise.all([addServer(a, "cut-a.example"), addServer(b, "cut-b.example")]);
    await Promise.all([waitForReason(a, "peer-unreachable"), waitForReason(b, "peer-unreachable")]);
    setCut(lab, false);
    await waitForRole(b, "BACKUP");
    const report = await waitFor(
      "a report on one of them",
      () => [a, b].flatMap((host, at) => reportsOf(host).slice(before[at])).at(-1),
      patience,
    );
    expect(report).toContain("cut-a.example");
    expect(report).toContain("cut-b.example");
    await waitUntilAgreed();
    await waitForReason(a, "divergence");
    await Promise.all([waitUntilCleared(a, "peer-unreachable"), waitUntilCleared(b, "peer-unreachable")]);
  });

  /** a leads, and b serves what a serves. */
  async function waitUntilAgreed(): Promise<void> {
    await waitFor(
      "both serve the same",
      async () => {
        const [ofA, ofB] = [await serversOf(a), await serversOf(b)];
        if (ofA !== ofB || statusOf(a).running?.text !== statusOf(b).running?.text) {
          throw new Error(`${ofA} and ${ofB}`);
        }
        return true;
      },
      patience,
      200,
    );
    await waitUntilLeading(a, await serversOf(a));
  }
});
