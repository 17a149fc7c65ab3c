import { readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { afterEach, expect, test } from "vitest";
import type { PairNode } from "../../support/pair/node.js";
import type { Pair } from "../../support/pair/pair.js";
import {
  addAndShip,
  journal,
  leads,
  logOf,
  servers,
  serversInStore,
  startPair,
  until,
} from "../agent/harness.js";

let pair: Pair;
afterEach(() => pair.end());

const soon = 60_000;

/** An operator removes all servers and saves that, on purpose. */
async function removeAllServers(node: PairNode): Promise<void> {
  await node.admin(
    "DELETE FROM mysql_servers",
    "LOAD MYSQL SERVERS TO RUNTIME",
    "SAVE MYSQL SERVERS TO DISK",
  );
}

async function heldBack(node: PairNode): Promise<void> {
  await until(
    "the snapshot is held back",
    async () => logOf(node).includes("suspiciously-empty") || quarantine(node).length > 0,
    soon,
  );
}

function quarantine(node: PairNode): string[] {
  return readdirSync(join(node.dir, "state/quarantine"));
}

test("a shrink that is meant is asked for, accepted by hand, and then goes everywhere", {
  timeout: 300_000,
}, async () => {
  pair = await startPair({ standby: "warm" });
  const { a, b } = pair;
  await addAndShip(a, b, "db1.example");
  await removeAllServers(a);
  await heldBack(a);

  // The last good one stays what a failover would bring back.
  expect(await serversInStore(b, "inbox")).toBe(1);
  expect(await servers(b)).toBe("10:db1.example:3306");
  expect(logOf(a)).toContain("proxysql-carp snapshot verify --accept");

  const refused = await b.cli("snapshot", "verify", "--accept");
  expect(refused).toMatchObject({ code: 1, stderr: expect.stringContaining("active node") });
  const { code, stdout } = await a.cli("snapshot", "verify", "--accept");
  expect({ code, stdout }).toEqual({ code: 0, stdout: expect.stringMatching(/^\d{10}-\d{10}-a\n$/) });
  await until("b has it", async () => (await serversInStore(b, "inbox")) === 0, soon);
  await until("b uses it", async () => (await servers(b)) === "", soon);
  expect(quarantine(a)).toEqual([]);
  expect(quarantine(b)).toEqual([]);

  await a.kill();
  await b.setRole("MASTER");
  await until("b leads", () => leads(b), soon);
  expect(await servers(b)).toBe("");
});

test("an acceptance outlives the agent that was told of it, and what the peer missed meanwhile", {
  timeout: 300_000,
}, async () => {
  pair = await startPair({ standby: "cold" });
  const { a, b } = pair;
  await addAndShip(a, b, "db1.example");
  await b.stopSsh();
  await removeAllServers(a);
  await heldBack(a);
  const accepted = await a.cli("snapshot", "take", "--accept");
  expect(accepted.code).toBe(0);
  await a.admin(
    "INSERT INTO mysql_users(username,password) VALUES ('later','x')",
    "SAVE MYSQL USERS TO DISK",
  );
  await until(
    "a change after it is taken",
    async () => (await a.status()).lastTaken?.snapshot !== accepted.stdout.trim(),
    soon,
  );
  await a.stopAgent();
  a.startAgent();
  await until("a leads again", () => leads(a), soon);
  await b.startSsh(a);

  await until("b has what it missed", async () => (await serversInStore(b, "inbox")) === 0, soon);
  expect(quarantine(b)).toEqual([]);
  await b.setRole("MASTER");
  await a.setRole("BACKUP");
  await until("b leads", () => leads(b), soon);
  expect(await servers(b)).toBe("");
});

test("a promotion fetches what was accepted", { timeout: 300_000 }, async () => {
  pair = await startPair({ standby: "cold", extra: { snapshots: ["on_change = true"] } });
  const { a, b } = pair;
  await addAndShip(a, b, "db1.example");
  await a.stopAgent();
  // What a takes from now on is sent to nobody: its own agent cannot reach b.
  await b.stopSsh();
  a.startAgent();
  await until("a leads", () => leads(a), soon);
  await removeAllServers(a);
  await heldBack(a);
  expect((await a.cli("snapshot", "verify", "--accept")).code).toBe(0);
  await a.setRole("BACKUP");
  await b.setRole("MASTER");
  await until("b leads", () => leads(b), soon);

  expect(await serversInStore(b, "inbox")).toBe(0);
  expect(await servers(b)).toBe("");
});

test("what only the peer finds empty is accepted by hand too, and not sent at every answer until then", {
  timeout: 300_000,
}, async () => {
  pair = await startPair({ standby: "warm" });
  const { a, b } = pair;
  await addAndShip(a, b, "db1.example");
  await a.stopAgent();
  // Without its snapshots a has nothing to see by that a table is emptied.
  for (const box of ["inbox", "outbox"]) rmSync(join(a.dir, "state", box), { recursive: true });
  await removeAllServers(a);
  a.startAgent();
  const refusals = (): number => journal(a, "SELECT 1 FROM snapshots WHERE event = 'refused-by-peer'").length;
  await until("b refuses it", async () => refusals() > 0, soon);
  const askedSince = async (at: number): Promise<boolean> => {
    const [peer] = (await a.status()).peers;
    return (peer?.viewAgeMs ?? Number.POSITIVE_INFINITY) < Date.now() - at;
  };
  for (let answers = 0; answers < 4; answers += 1) {
    const at = Date.now();
    await until("b is asked again", () => askedSince(at), soon);
  }
  // A link that was down for a moment is worth another try.
  expect(refusals()).toBeLessThan(3);

  const { code, stdout } = await a.cli("snapshot", "take", "--accept");
  expect({ code, stdout }).toEqual({ code: 0, stdout: expect.stringMatching(/^\d{10}-\d{10}-a\n$/) });
  await until("b uses it", async () => (await servers(b)) === "", soon);
  expect((await b.status()).doubts).toEqual([]);
});
