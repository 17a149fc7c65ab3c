import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import Database from "better-sqlite3";
import { afterEach, describe, expect, it } from "vitest";
import type { Pair } from "../../support/pair/pair.js";
import { leads, startPair, until } from "../agent/harness.js";
import { configureBoth, converged, heldBy, intentOf, namesIn, notesOf } from "./harness.js";

let pair: Pair;
afterEach(() => pair.end());

const extra = { proxysql: ['start_timeout = "5s"'] };
/** Milliseconds after the agent has begun; a restore takes some hundred, more on a busy machine. */
const moments = [0, 60, 150, 260, 420];

/** Every snapshot that came after a restore is of one of the two contents, whole. */
async function expectNoMixture(wanted: readonly string[]): Promise<void> {
  for (const node of [pair.a, pair.b]) {
    for (const { id, epoch, content } of await heldBy(node))
      if (epoch > 1) expect(wanted, `${id} on ${node.name}`).toContain(content);
  }
}

async function contentsOf(...ids: readonly string[]): Promise<string[]> {
  const held = await heldBy(pair.a);
  return ids.map((id) => held.find((one) => one.id === id)?.content ?? `no ${id}`);
}

describe("a restore that is cut off", () => {
  it("agent killed at any moment: the next start has one or the other, whole, on both nodes", {
    timeout: 300_000,
  }, async () => {
    pair = await startPair({ standby: "warm", extra: { ...extra, snapshots: ["keep = 100"] } });
    const { a, b } = pair;
    const ids = [await configureBoth(pair, "old"), await configureBoth(pair, "new")];
    const contents = await contentsOf(...ids);
    const seen = new Set<string>();

    for (const [round, moment] of moments.entries()) {
      const [from] = (await namesIn(a)) === "old" ? [ids[1]] : [ids[0]];
      const begun = notesOf(a, "restore-begun").length;
      const command = a.cli("snapshot", "restore", from ?? "", "--yes");
      await until("it has begun", async () => notesOf(a, "restore-begun").length > begun);
      await sleep(moment);
      await a.stopAgent("SIGKILL");
      await command;
      seen.add(intentOf(a) === null ? "ended" : "under way");
      a.startAgent();
      await converged(pair, a);

      const names = await namesIn(a);
      expect(["old", "new"], `round ${round}`).toContain(names);
      await until("b runs the same", async () => (await namesIn(b)) === names);
    }
    await expectNoMixture(contents);
    // At least one was cut off in its middle, or this has shown nothing.
    expect(seen).toContain("under way");
    for (const kind of ["divergence", "superseded-unshipped"]) expect(notesOf(b, kind), kind).toEqual([]);
  });

  it("the power goes: agent and ProxySQL come back with one or the other, whole", async () => {
    pair = await startPair({ standby: "cold", extra });
    const { a } = pair;
    const ids = [await configureBoth(pair, "old"), await configureBoth(pair, "new")];
    const contents = await contentsOf(...ids);

    for (const moment of [60, 160]) {
      const from = (await namesIn(a)) === "old" ? ids[1] : ids[0];
      const begun = notesOf(a, "restore-begun").length;
      const command = a.cli("snapshot", "restore", from ?? "", "--yes");
      await until("it has begun", async () => notesOf(a, "restore-begun").length > begun);
      await sleep(moment);
      await a.kill();
      await command;
      await a.startSsh(pair.b);
      a.startAgent();
      await until("a leads", () => leads(a), 60_000);
      await converged(pair, a);
      expect(["old", "new"]).toContain(await namesIn(a));
    }
    await expectNoMixture(contents);
  });

  it.each([0, 60, 140, 250])(
    "the role goes %i ms after it began: both nodes agree, on one or the other",
    async (moment) => {
      pair = await startPair({ standby: "warm", extra });
      const { a, b } = pair;
      const ids = [await configureBoth(pair, "old"), await configureBoth(pair, "new")];
      const contents = await contentsOf(...ids);
      const command = a.cli("snapshot", "restore", ids[0] ?? "", "--yes");
      await until("it has begun", async () => notesOf(a, "restore-begun").length > 0);
      await sleep(moment);
      await Promise.all([a.setRole("BACKUP"), b.setRole("MASTER")]);
      await command;
      await until("b leads", () => leads(b), 40_000);
      await until("a's restore is over", async () => intentOf(a) === null);
      await until(
        "both serve the same",
        async () => {
          const names = await namesIn(a);
          return ["old", "new"].includes(names) && names === (await namesIn(b));
        },
        60_000,
      );
      await expectNoMixture(contents);
    },
  );
});

it("a restore that was written down and not begun is forgotten", async () => {
  pair = await startPair({ standby: "warm", extra });
  const { a } = pair;
  const old = await configureBoth(pair, "old");
  await configureBoth(pair, "new");
  await a.stopAgent("SIGKILL");
  const db = new Database(join(a.dir, "state/journal.db"));
  const lineage = { epoch: 9, sequence: 1, node: "a" };
  const intent = {
    ranked: { lineage, ancestry: [], content: "c" },
    from: old,
    kept: old,
    since: "2026-11-21T00:00:00.000Z",
  };
  db.prepare("INSERT OR REPLACE INTO state (name, value) VALUES ('restore', ?)").run(JSON.stringify(intent));
  db.close();
  a.startAgent();
  await until("a leads", () => leads(a));
  expect(intentOf(a)).toBeNull();
  expect(await namesIn(a)).toBe("new");
});
