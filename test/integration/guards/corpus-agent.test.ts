import { cpSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import Database from "better-sqlite3";
import { afterEach, expect, test } from "vitest";
import type { Manifest } from "../../../src/snapshot/manifest.js";
import { parseManifest } from "../../../src/snapshot/manifest-file.js";
import { packInto, unpackDirectory } from "../../../src/snapshot/pack.js";
import { manifestFor, scratch } from "../../../src/snapshot/test-fixtures.js";
import type { PairNode } from "../../support/pair/node.js";
import type { Pair } from "../../support/pair/pair.js";
import { addAndShip, addServer, leads, servers, serversInStore, startPair, until } from "../agent/harness.js";

let pair: Pair;
afterEach(() => pair.end());

const soon = 240_000;

/** What a disk, or a hand, can do to a stored snapshot, and the cause with which the agent must refuse it. */
const kinds: readonly [cause: string, damage: (dir: string, older: string) => Promise<void> | void][] = [
  ["digest-differs", (dir) => change(dir, "proxysql.db.gz", (bytes) => flipped(bytes))],
  ["tls-differs", (dir) => change(dir, "proxysql-cert.pem", (bytes) => flipped(bytes))],
  ["incomplete", (dir) => rmSync(join(dir, "proxysql-key.pem"))],
  ["definitions-differ", (dir) => remade(dir, "ALTER TABLE mysql_servers ADD COLUMN extra INT")],
  ["suspiciously-empty", (dir) => remade(dir, "DELETE FROM mysql_servers")],
  ["manifest-invalid", (dir) => change(dir, "manifest.json", (bytes) => edited(bytes))],
  ["manifest-invalid", (dir, older) => cpSync(join(older, "manifest.json"), join(dir, "manifest.json"))],
  ["incomplete", (dir) => rmSync(join(dir, "manifest.json"))],
];

function change(dir: string, name: string, edit: (bytes: Buffer) => Buffer): void {
  writeFileSync(join(dir, name), edit(readFileSync(join(dir, name))));
}

function flipped(bytes: Buffer): Buffer {
  const at = bytes.length >> 1;
  bytes[at] = (bytes[at] ?? 0) ^ 2;
  return bytes;
}

function edited(bytes: Buffer): Buffer {
  return Buffer.from(bytes.toString().replace(/"takenAt": "20/, '"takenAt": "21'));
}

/** Another database under a manifest that fits it: a sound snapshot, as a ProxySQL of another version makes it. */
async function remade(dir: string, statement: string): Promise<void> {
  const parsed = parseManifest(JSON.parse(readFileSync(join(dir, "manifest.json"), "utf8")));
  if ("refusal" in parsed) throw new Error(parsed.refusal.sentence);
  const { lineage, ancestry, tls }: Manifest = parsed.manifest;
  const work = scratch();
  await unpackDirectory(dir, work, parsed.manifest);
  const file = join(work, "proxysql.db");
  new Database(file).exec(statement).close();
  const manifest = await manifestFor(file, lineage, { ancestry, tls });
  rmSync(join(dir, "proxysql.db.gz"));
  for (const { name } of tls) rmSync(join(dir, name));
  await packInto(dir, { database: file, tls: tls.map(({ name }) => join(work, name)) }, manifest);
}

function causesIn(node: PairNode): Record<string, string> {
  const dir = join(node.dir, "state/quarantine");
  return Object.fromEntries(
    readdirSync(dir).map((name) => [
      name.split("-").slice(0, 3).join("-"),
      JSON.parse(readFileSync(join(dir, name, "cause.json"), "utf8")).cause as string,
    ]),
  );
}

test.each(["warm", "cold"] as const)(
  "a promotion in %s standby goes past damaged snapshots of every kind to the good one, and keeps each with its cause",
  { timeout: 400_000 },
  async (standby) => {
    pair = await startPair({ standby });
    const { a, b } = pair;
    await addAndShip(a, b, "good.example");
    if (standby === "warm")
      await until("b uses the good one", async () => (await servers(b)) === "10:good.example:3306", soon);
    await b.stopAgent();
    const inbox = join(b.dir, "state/inbox");
    for (const n of kinds.keys()) {
      await addAndShip(a, b, `bad${n}.example`);
    }
    await a.kill();
    const names = readdirSync(inbox).sort();
    const [good, ...bad] = names.slice(-kinds.length - 1);
    for (const [n, [, damage]] of kinds.entries())
      await damage(join(inbox, bad[n] ?? ""), join(inbox, good ?? ""));

    b.startAgent();
    await b.setRole("MASTER");
    await until("b leads", () => leads(b), soon);

    expect(await servers(b)).toBe("10:good.example:3306");
    expect(causesIn(b)).toEqual(Object.fromEntries(kinds.map(([cause], n) => [bad[n], cause])));
    expect(await serversInStore(b)).toBe(1);
  },
);

test("a snapshot that the sender's own disk has damaged is put aside, and taken and sent anew", {
  timeout: 400_000,
}, async () => {
  pair = await startPair({ standby: "warm" });
  const { a, b } = pair;
  await addAndShip(a, b, "db1.example");
  await b.stopSsh();
  await addServer(a, "db2.example");
  await until("it is taken", async () => (await serversInStore(a, "outbox")) === 2, soon);
  const outbox = join(a.dir, "state/outbox");
  const newest = readdirSync(outbox).sort().at(-1) ?? "";
  await kinds[0]?.[1](join(outbox, newest), "");
  await b.startSsh(a);

  await until("b has the change", async () => (await serversInStore(b, "inbox")) === 2, soon);
  expect(causesIn(a)).toEqual({ [newest]: "digest-differs" });
  expect(readdirSync(join(b.dir, "state/inbox"))).not.toContain(newest);
});
