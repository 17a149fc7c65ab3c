import { cpSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, describe, expect, it } from "vitest";
import type { ListDocument } from "../../../src/commands/format-snapshot-list.js";
import type { PairNode } from "../../support/pair/node.js";
import type { Pair } from "../../support/pair/pair.js";
import { startPair, until } from "../agent/harness.js";
import { configure, configureBoth } from "./harness.js";

let pair: Pair;
afterEach(() => pair.end());

async function listOf(node: PairNode, ...args: string[]): Promise<ListDocument> {
  const { code, stdout, stderr } = await node.cli("snapshot", "list", "--json", ...args);
  expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
  return JSON.parse(stdout) as ListDocument;
}

function outbox({ dir }: PairNode, id = ""): string {
  return join(dir, "state/outbox", id);
}

describe("snapshot list", () => {
  it("tells of both nodes' snapshots side by side, and of those that only one has", async () => {
    pair = await startPair({ standby: "warm", extra: {} });
    const { a, b } = pair;
    const first = await configureBoth(pair, "one");
    const second = await configureBoth(pair, "two");
    await until(
      "b runs it",
      async () => (await b.status()).running?.sequence === Number(second.slice(11, 21)),
    );
    rmSync(outbox(a, first), { recursive: true });

    const here = await listOf(a);
    expect(here).toMatchObject({ node: "a", agent: null, older: 0, peers: [{ name: "b", error: null }] });
    expect(here.snapshots[0]).toMatchObject({
      id: second,
      node: "a",
      here: "outbox",
      peers: { b: "inbox" },
      running: true,
      newest: true,
      doubted: false,
      damaged: null,
    });
    expect(here.snapshots.find(({ id }) => id === first)).toMatchObject({
      here: "none",
      peers: { b: "inbox" },
      takenAt: null,
    });
    for (const command of ["show", "restore"]) {
      const missing = await a.cli("snapshot", command, first, ...(command === "restore" ? ["--yes"] : []));
      expect(missing).toMatchObject({ code: 1, stdout: "" });
      expect(missing.stderr).toContain("It is on b");
    }
    expect(here.snapshots.map(({ id }) => id)).toEqual(
      here.snapshots
        .map(({ id }) => id)
        .sort()
        .reverse(),
    );
    expect((await listOf(b)).snapshots[0]).toMatchObject({
      here: "inbox",
      peers: { a: "outbox" },
      running: true,
    });

    const { stdout } = await a.cli("snapshot", "list", "--limit", "1");
    const [head, row, older] = stdout.split("\n");
    expect(head).toMatch(/^LINEAGE +TAKEN +SIZE +a +b$/);
    expect(row).toMatch(/outbox {2}inbox +running, newest$/);
    expect(older).toContain("older");
    for (const line of stdout.split("\n")) expect(line.length).toBeLessThanOrEqual(80);
  });

  it("tells what is here with the peer down, and without an agent", async () => {
    pair = await startPair({ standby: "warm", extra: {} });
    const { a, b } = pair;
    await configureBoth(pair, "one");
    await b.stopAgent();
    await b.stopSsh();
    await until("a knows", async () => (await a.status()).peers[0]?.link !== "up");
    const alone = await listOf(a);
    expect(alone.snapshots[0]).toMatchObject({ here: "outbox", peers: { b: "unknown" }, running: true });
    expect(alone.peers[0]?.error).not.toBeNull();
    const { code, stdout } = await a.cli("snapshot", "list");
    expect(code).toBe(0);
    expect(stdout).toContain("b could not be asked");

    await a.stopAgent();
    const silent = await listOf(a);
    expect(silent).toMatchObject({ running: null, peers: [{ name: "b", listed: null }] });
    expect(silent.agent).not.toBeNull();
    expect(silent.snapshots[0]).toMatchObject({ here: "outbox", peers: { b: "unknown" }, running: false });
  });

  it("lists a damaged one, and shows and restores only sound ones, by no name but a snapshot's", async () => {
    pair = await startPair({ standby: "warm", extra: {} });
    const { a } = pair;
    const first = await configureBoth(pair, "one");
    const second = await configureBoth(pair, "two");
    expect((await a.cli("snapshot", "show", first)).stdout).toContain("verified    now");
    const packed = join(outbox(a, first), "proxysql.db.gz");
    const bytes = readFileSync(packed);
    bytes[bytes.length >> 1] = (bytes[bytes.length >> 1] ?? 0) ^ 1;
    writeFileSync(packed, bytes);

    const shown = await a.cli("snapshot", "show", first);
    expect(shown).toMatchObject({ code: 1 });
    expect(shown.stdout).toContain("refused     digest-differs");
    const refused = await a.cli("snapshot", "restore", first, "--yes");
    expect(refused).toMatchObject({ code: 1, stdout: "" });
    expect(refused.stderr).toContain("digest-differs");
    // As everywhere, what the disk has damaged goes to where it is seen.
    expect(readdirSync(join(a.dir, "state/quarantine"))).toHaveLength(1);

    writeFileSync(join(outbox(a, second), "manifest.json"), "{}");
    expect((await listOf(a)).snapshots.find(({ id }) => id === second)).toMatchObject({
      damaged: "manifest-invalid",
    });
    for (const name of ["../outbox", "/etc/passwd", "", "5.9@../a", "\u001b[2J", "a".repeat(5_000)]) {
      for (const command of ["show", "restore"]) {
        const { code, stderr } = await a.cli(
          "snapshot",
          command,
          name,
          ...(command === "restore" ? ["--yes"] : []),
        );
        expect(code, name).toBe(2);
        expect(stderr).not.toContain("\u001b");
      }
    }
    expect(await a.cli("snapshot", "show", "99.1@a")).toMatchObject({ code: 1 });
  });

  it("refuses a foreign one: another's table definitions, another's manifest", async () => {
    pair = await startPair({ standby: "warm", extra: {} });
    const { a } = pair;
    const first = await configureBoth(pair, "one");
    const second = await configureBoth(pair, "two");
    // Under another one's name it would pass for that one.
    renameSync(outbox(a, first), outbox(a, `${first}-aside`));
    cpSync(outbox(a, second), outbox(a, first), { recursive: true });
    const foreign = await a.cli("snapshot", "restore", first, "--yes");
    expect(foreign).toMatchObject({ code: 1 });
    expect(foreign.stderr).toContain("manifest-invalid");

    const file = join(a.dir, "state/definitions.json");
    const definitions = JSON.parse(readFileSync(file, "utf8")) as { tables: Record<string, string> };
    definitions.tables.mysql_users = "0".repeat(64);
    writeFileSync(file, JSON.stringify(definitions));
    const held = await a.cli("snapshot", "restore", second, "--dry-run");
    expect(held).toMatchObject({ code: 1 });
    expect(held.stdout).toContain("definitions-differ");
    // It is good, and only this ProxySQL defines its tables otherwise: it stays.
    expect(readdirSync(outbox(a))).toContain(second);
  });
});

describe("snapshot take", () => {
  it("takes what was just saved, tells when there is nothing new, and is refused on a passive node", async () => {
    pair = await startPair({
      standby: "warm",
      extra: { snapshots: ["on_change = false", 'schedule = "0 0 1 1 *"'] },
    });
    const { a, b } = pair;
    await configure(a, "one");
    const taken = await a.cli("snapshot", "take");
    expect(taken).toMatchObject({ code: 0, stdout: "0000000001-0000000002-a\n" });
    const again = await a.cli("snapshot", "take");
    expect(again.stdout).toBe("Nothing has changed since 0000000001-0000000002-a.\n");
    await until("b has it", async () => (await listOf(b)).snapshots[0]?.id === "0000000001-0000000002-a");
    const passive = await b.cli("snapshot", "take");
    expect(passive).toMatchObject({ code: 1, stdout: "" });
    expect(passive.stderr).toContain("active node");

    await a.admin("DELETE FROM mysql_users", "SAVE MYSQL USERS TO DISK");
    expect((await a.cli("snapshot", "take")).stderr).toContain("mysql_users");
    expect(await a.cli("snapshot", "take", "--accept")).toMatchObject({
      code: 0,
      stdout: "0000000001-0000000003-a\n",
    });
  });
});
