import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import Database from "better-sqlite3";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import type { DivergenceDocument } from "../../../src/agent/divergence-file.js";
import type { ConfigurationDiff } from "../../../src/snapshot/diff.js";
import type { PairNode } from "../../support/pair/node.js";
import type { Pair } from "../../support/pair/pair.js";
import { addAndShip, journal, leads, logOf, servers, startPair, until } from "../agent/harness.js";

/** What a busy machine may take for two nodes to see each other; the figure itself is printed. */
const patience = 30_000;
const held = "held: both nodes are MASTER";

function notes(node: PairNode, kind: string): (Record<string, unknown> & { at: string })[] {
  return journal(node, `SELECT at, detail FROM notes WHERE kind = '${kind}' ORDER BY id`).map(
    ({ at, detail }) => ({ ...(JSON.parse(String(detail)) as object), at: String(at) }),
  );
}

/** The names of what came to a node over the link. */
function received(node: PairNode): string[] {
  return readdirSync(join(node.dir, "state/inbox"))
    .filter((name) => !name.startsWith("."))
    .sort();
}

function reports(node: PairNode): DivergenceDocument[] {
  const dir = join(node.dir, "state/divergence");
  if (!existsSync(dir)) return [];
  const names = readdirSync(dir).filter((name) => !name.startsWith("."));
  return names.map((name) => JSON.parse(readFileSync(join(dir, name), "utf8")) as DivergenceDocument);
}

/** `changed mysql_servers 10:db1:3306 weight 1 -> 5`, without what is each host's own. */
function rowsOf(diff: ConfigurationDiff | null | undefined): string[] {
  const tables = diff?.tables ?? [];
  const all = tables.flatMap(({ table, rows }) =>
    rows
      .filter(({ local }) => !local)
      .map(({ change, key, columns }) => {
        const what = columns.map(({ column, from, to }) => ` ${column} ${from} -> ${to}`).join("");
        return `${change} ${table} ${Object.values(key).join(":")}${what}`;
      }),
  );
  return all.sort();
}

/** `base1:1 base2:7`: servers and weights that ProxySQL has on disk, running or not. */
function onDisk(node: PairNode): string {
  const db = new Database(join(node.dir, "proxysql/proxysql.db"), { readonly: true });
  try {
    const rows = db
      .prepare<[], { hostname: string; weight: number }>(
        "SELECT hostname, weight FROM mysql_servers ORDER BY 1",
      )
      .all();
    return rows.map(({ hostname, weight }) => `${hostname}:${weight}`).join(" ");
  } finally {
    db.close();
  }
}

async function edit(node: PairNode, ...statements: string[]): Promise<void> {
  await node.admin(...statements, "LOAD MYSQL SERVERS TO RUNTIME", "SAVE MYSQL SERVERS TO DISK");
}

function insert(name: string): string {
  return `INSERT INTO mysql_servers(hostgroup_id,hostname,port) VALUES (10,'${name}',3306)`;
}

function median(values: readonly number[]): number {
  return [...values].sort((x, y) => x - y)[values.length >> 1] ?? Number.NaN;
}

function atRest({ a, b }: Pair): Promise<boolean> {
  return until("the passive node runs what the active one runs", async () => {
    const [ofA, ofB] = await Promise.all([a.status(), b.status()]);
    return ofA.running?.text === ofB.running?.text && ofA.peers[0]?.pending === null;
  });
}

describe("two nodes that are MASTER at once", () => {
  let pair: Pair;
  const seenAfter: number[] = [];

  beforeAll(async () => {
    pair = await startPair({
      standby: "warm",
      extra: { snapshots: ["[log]", 'level = "debug"'] },
    });
    await atRest(pair);
  });

  afterAll(() => pair.end());

  /** Milliseconds from `since` until both have written down that they are, the nth time. */
  async function seen(times: number, since: number): Promise<number> {
    const { a, b } = pair;
    await until(
      "both know",
      async () => [a, b].every((node) => notes(node, "both-master").length === times),
      patience,
    );
    return Math.max(...[a, b].map((node) => Date.parse(notes(node, "both-master").at(-1)?.at ?? ""))) - since;
  }

  it("are not at an ordinary failover, although each has the role before the other has lost it", async () => {
    const { a, b } = pair;
    const began = Date.now();
    await b.setRole("MASTER");
    await a.setRole("BACKUP");
    await until("b leads", () => leads(b));
    await until("a has b's first snapshot", async () => received(a).some((id) => id.endsWith("-b")));
    process.stdout.write(`failover to verified on the other node: ${Date.now() - began} ms\n`);
    await atRest(pair);

    expect([...notes(a, "both-master"), ...notes(b, "both-master")]).toEqual([]);
  });

  it("tell each other at once when one becomes it, and write it down once each", async () => {
    const { a, b } = pair;
    for (let round = 1; round <= 5; round += 1) {
      const began = Date.now();
      await a.setRole("MASTER");
      seenAfter.push(await seen(round, began));
      await a.setRole("BACKUP");
      await until(
        "both know that it is over",
        async () => [a, b].every((node) => notes(node, "both-master-ended").length === round),
        patience,
      );
    }
    process.stdout.write(`both MASTER seen by both after: ${seenAfter.join(", ")} ms\n`);

    expect(median(seenAfter)).toBeLessThan(5_000);
    expect(logOf(b)).toContain("a says that its role is MASTER now");
    expect(notes(b, "both-master")[0]).toMatchObject({ peer: "a", ours: expect.stringMatching(/@b$/) });
    expect(notes(b, "both-master-ended")[0]).toMatchObject({ peer: "a", ms: expect.any(Number) });
    expect(logOf(b).split("both nodes are MASTER: nothing is exchanged").length - 1).toBe(5);
  });

  it("see each other when they can talk again after having been cut apart", async () => {
    const { a, b } = pair;
    const before = notes(b, "both-master").length;
    await Promise.all([a.stopSsh(), b.stopSsh()]);
    await until("both see the link down", async () =>
      (await Promise.all([a.status(), b.status()])).every(({ peers }) => peers[0]?.link !== "up"),
    );
    await a.setRole("MASTER");
    await until("a leads too", () => leads(a));
    const connected = (node: PairNode): string[] =>
      logOf(node)
        .split("\n")
        .filter((line) => line.includes("The peer is connected."));
    const had = [a, b].map((node) => connected(node).length);
    await Promise.all([a.startSsh(b), b.startSsh(a)]);
    await until("a link is up", async () =>
      [a, b].some((node, at) => connected(node).length > (had[at] ?? 0)),
    );
    const since = Date.now();
    process.stdout.write(
      `both MASTER seen by both after the first link was up: ${await seen(before + 1, since)} ms\n`,
    );
    await a.setRole("BACKUP");
    await until("it is over", async () => notes(b, "both-master-ended").length === before + 1, patience);
  });
});

describe("two nodes that are MASTER at once and lose sight of each other", () => {
  let pair: Pair;
  afterEach(() => pair.end());

  it("leave each other alone: one that cannot be asked any more is not one that has given the role up", async () => {
    pair = await startPair({ standby: "warm" });
    const { a, b } = pair;
    await addAndShip(a, b, "base1.example");
    await b.setRole("MASTER");
    await until("b leads too", () => leads(b));
    await edit(a, insert("from-a.example"));
    await edit(b, insert("from-b.example"));
    await until("each knows what the other has", async () => {
      const [ofA, ofB] = await Promise.all([a.status(), b.status()]);
      return ofA.peers[0]?.best?.text === ofB.running?.text && ofB.peers[0]?.best?.text === ofA.running?.text;
    });
    const before = await Promise.all([a, b].map(async (node) => (await node.status()).leads));
    await Promise.all([a.stopSsh(), b.stopSsh()]);
    await until("both see the link down", async () =>
      (await Promise.all([a.status(), b.status()])).every(({ peers }) => peers[0]?.link !== "up"),
    );
    await until("both have asked in vain, twice and more", async () => {
      const both = await Promise.all([a.status(), b.status()]);
      return both.every(({ peers: [peer] }) => (peer?.viewAgeMs ?? 0) > 5_000);
    });

    expect(await Promise.all([a, b].map(async (node) => (await node.status()).leads))).toEqual(before);
    expect([...notes(a, "divergence"), ...notes(b, "divergence")]).toEqual([]);
    expect([...notes(a, "both-master-ended"), ...notes(b, "both-master-ended")]).toEqual([]);
  });
});

describe.each(["warm", "cold"] as const)(
  "what two nodes in %s standby changed while both were MASTER",
  (standby) => {
    let pair: Pair;
    afterEach(() => pair.end());

    const changedByA = [
      "added mysql_servers 10:from-a.example:3306",
      "changed mysql_servers 10:base3.example:3306 weight 1 -> 5",
      "removed mysql_servers 10:base1.example:3306",
    ];
    const changedByB = [
      "added mysql_servers 10:from-b.example:3306",
      "changed mysql_servers 10:base2.example:3306 weight 1 -> 7",
      "changed mysql_servers 10:base3.example:3306 weight 1 -> 6",
    ];

    it.each([
      ["the node of the lower epoch", "a"],
      ["the node of the higher epoch", "b"],
    ] as const)(
      "is not exchanged, and when %s goes on it is live on both, and reported by both",
      async (_, name) => {
        pair = await startPair({ standby });
        const { a, b } = pair;
        const [survivor, loser] = name === "a" ? [a, b] : [b, a];
        for (const base of ["base1", "base2", "base3"]) await addAndShip(a, b, `${base}.example`);
        await b.setRole("MASTER");
        await until("b leads too", () => leads(b));
        await until(
          "both know",
          async () => [a, b].every((node) => notes(node, "both-master").length === 1),
          patience,
        );
        const before = [a, b].map(received);
        const weigh = (server: string, weight: number): string =>
          `UPDATE mysql_servers SET weight=${weight} WHERE hostname='${server}.example'`;
        await edit(
          a,
          insert("from-a.example"),
          "DELETE FROM mysql_servers WHERE hostname='base1.example'",
          weigh("base3", 5),
        );
        await edit(b, insert("from-b.example"), weigh("base2", 7), weigh("base3", 6));
        await until("both hold back what they have for the other", async () => {
          const both = await Promise.all([a.status(), b.status()]);
          return both.every(({ peers: [peer] }) => peer?.error === held && peer.pending !== null);
        });
        // Two more rounds of questions between them, in which nothing may go over either.
        for (let round = 0; round < 2; round += 1) {
          await until(
            "they have asked each other again",
            async () => ((await a.status()).peers[0]?.viewAgeMs ?? 0) > 1_000,
          );
          await until(
            "and had an answer",
            async () => ((await a.status()).peers[0]?.viewAgeMs ?? 9_999) < 1_000,
          );
        }
        expect([a, b].map(received)).toEqual(before);
        expect(journal(a, "SELECT * FROM snapshots WHERE event = 'refused-by-peer'")).toEqual([]);

        const live = onDisk(survivor);
        await loser.setRole("BACKUP");
        await until("both have the same", async () => onDisk(loser) === live, patience);
        await until("both say so", async () => {
          const [one, other] = await Promise.all([survivor.status(), loser.status()]);
          return one.running?.text === other.running?.text && one.peers[0]?.error === null;
        });
        expect(onDisk(survivor)).toBe(live);
        if (standby === "warm") expect(await servers(loser)).toBe(await servers(survivor));

        await until(
          "both have reported",
          async () => [a, b].every((node) => reports(node).length === 1),
          patience,
        );
        const [ofA, ofB] = [reports(a)[0], reports(b)[0]];
        expect(ofA).toMatchObject({ node: "a", peer: "b", live: name === "a" ? "ours" : "theirs" });
        expect(ofB).toMatchObject({ node: "b", peer: "a", live: name === "b" ? "ours" : "theirs" });
        expect([rowsOf(ofA?.changes.ours), rowsOf(ofA?.changes.theirs)]).toEqual([changedByA, changedByB]);
        expect([rowsOf(ofB?.changes.ours), rowsOf(ofB?.changes.theirs)]).toEqual([changedByB, changedByA]);
        for (const report of [ofA, ofB]) {
          expect(report?.base?.text).toMatch(/^1\.\d+@a$/);
          expect(report?.base).toEqual(report?.parted);
          expect(report?.changes.conflicts.map(({ key }) => key.hostname)).toEqual(["base3.example"]);
        }
        await until("both have noted that", async () =>
          [a, b].every((node) => notes(node, "divergence-report").length === 1),
        );
      },
    );
  },
);
