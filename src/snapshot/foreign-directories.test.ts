import { execFileSync } from "node:child_process";
import {
  chownSync,
  existsSync,
  linkSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { copyDatabaseFile } from "./copy-database.js";
import { inspectDatabase } from "./inspect.js";
import type { Manifest } from "./manifest.js";
import { packInto, unpackDirectory } from "./pack.js";
import { refusalOf, refuse } from "./refusal.js";
import { openStore, type Store } from "./store.js";
import { fixture, manifestFor, scratch } from "./test-fixtures.js";

const shop = fixture("2.7.1-shop");
/** The SSH link's user: no one in particular. */
const link = 64_321;
const refusal = refuse("digest-differs", "It is damaged.");
const notRoot = process.getuid?.() !== 0;

interface Planted {
  readonly state: string;
  readonly store: Store;
  readonly manifest: Manifest;
  /** A snapshot with a valid manifest and junk as its database, in the inbox, as the link's user can make it. */
  readonly dir: string;
  readonly victim: string;
}

async function planted(): Promise<Planted> {
  const state = scratch();
  for (const box of ["inbox", "outbox", "quarantine"]) {
    mkdirSync(join(state, box), { mode: 0o700 });
    chownSync(join(state, box), link, link);
  }
  const manifest = await manifestFor(shop, { epoch: 777, sequence: 1, node: "a" });
  const dir = join(state, "inbox", manifest.id);
  mkdirSync(dir, { mode: 0o700 });
  writeFileSync(join(dir, "manifest.json"), JSON.stringify(manifest));
  writeFileSync(join(dir, "proxysql.db.gz"), "junk");
  for (const path of [dir, join(dir, "manifest.json"), join(dir, "proxysql.db.gz")])
    chownSync(path, link, link);
  const victim = join(scratch(), "victim");
  writeFileSync(victim, "precious", { mode: 0o640 });
  return { state, store: openStore(state), manifest, dir, victim };
}

function untouched(victim: string): void {
  const { uid, gid, mode } = statSync(victim);
  expect([uid, gid, mode & 0o777, readFileSync(victim, "utf8")]).toEqual([0, 0, 0o640, "precious"]);
}

describe.skipIf(notRoot)("what the link's user plants in its own directories (needs root)", () => {
  it("is not followed when a snapshot goes to quarantine", async () => {
    const { store, dir, victim } = await planted();
    symlinkSync(victim, join(dir, "x"));
    symlinkSync(victim, join(dir, "proxysql-key.pem"));
    symlinkSync(victim, join(dir, "cause.json"));
    symlinkSync(victim, join(dir, `.cause.json.${process.pid}.tmp`));
    linkSync(victim, join(dir, "proxysql-ca.pem"));
    mkdirSync(join(dir, "proxysql-cert.pem"));
    symlinkSync(victim, join(dir, "proxysql-cert.pem", "deeper"));

    const kept = await store.quarantine(dir, refusal);

    untouched(victim);
    expect(readdirSync(kept).sort()).toEqual(["cause.json", "manifest.json", "proxysql.db.gz"]);
    for (const path of [kept, ...readdirSync(kept).map((name) => join(kept, name))]) {
      expect([lstatSync(path).uid, lstatSync(path).gid], path).toEqual([link, link]);
    }
    expect(existsSync(dir)).toBe(false);
  });

  it("is not followed when the snapshot itself is a link", async () => {
    const { store, manifest, dir, victim } = await planted();
    const elsewhere = scratch();
    writeFileSync(join(elsewhere, "manifest.json"), "{}", { mode: 0o640 });
    execFileSync("rm", ["-r", dir]);
    symlinkSync(elsewhere, dir);

    const kept = await store.quarantine(dir, refusal, manifest.id);

    expect(statSync(elsewhere).uid).toBe(0);
    expect(statSync(join(elsewhere, "manifest.json")).uid).toBe(0);
    expect(readdirSync(kept)).toEqual(["cause.json"]);
    untouched(victim);
  });

  it("is not followed when old snapshots are removed", async () => {
    const { state, store, dir } = await planted();
    const elsewhere = scratch();
    writeFileSync(join(elsewhere, "precious"), "precious");
    const older = join(state, "inbox", "0000000001-0000000001-a");
    symlinkSync(elsewhere, older);
    const doomed = join(state, "inbox", ".incoming-999999999-1");
    mkdirSync(doomed);
    symlinkSync(elsewhere, join(doomed, "x"));

    await store.purge("inbox", 1);
    await store.sweep();

    expect(readdirSync(join(state, "inbox"))).toEqual([dir.split("/").at(-1)]);
    expect(readdirSync(elsewhere)).toEqual(["precious"]);
  });

  it("meets no half-made snapshot of the agent's: that is made out of reach", async () => {
    const { state, store, manifest } = await planted();

    const dir = await store.prepare("outbox");

    expect(readdirSync(join(state, "outbox"))).toEqual([]);
    expect(statSync(join(dir, "..")).uid).toBe(0);
    expect(statSync(join(dir, "..")).mode & 0o777).toBe(0o700);
    await packInto(dir, { database: shop, tls: [] }, manifest);
    const stored = await store.admit(dir, manifest, "outbox");
    for (const path of [stored.dir, ...readdirSync(stored.dir).map((name) => join(stored.dir, name))]) {
      expect([statSync(path).uid, statSync(path).gid], path).toEqual([link, link]);
    }
  });
});

describe("a snapshot's file that is no plain file", () => {
  it.each(["link", "fifo", "directory"])("is refused and never waited for: %s", async (kind) => {
    const [dir, to] = [scratch(), scratch()];
    const manifest = await manifestFor(shop, { epoch: 1, sequence: 1, node: "a" });
    const path = join(dir, "proxysql.db.gz");
    if (kind === "link") symlinkSync(shop, path);
    else if (kind === "fifo") execFileSync("mkfifo", [path]);
    else mkdirSync(path);

    const refused = refusalOf(await unpackDirectory(dir, to, manifest).catch((error: unknown) => error));

    expect(refused).toMatchObject({ cause: "incomplete" });
    expect(readdirSync(to)).toEqual([]);
  });

  it("is no database", async () => {
    const path = join(scratch(), "proxysql.db");
    execFileSync("mkfifo", [path]);

    expect(await inspectDatabase(path)).toMatchObject({
      isDatabase: false,
      problems: ["It is no plain file."],
    });
    await expect(copyDatabaseFile(path, join(scratch(), "copy"))).rejects.toMatchObject({ code: "not-done" });
  });

  it("is no manifest", async () => {
    const state = scratch();
    const dir = join(state, "inbox", "0000000777-0000000001-a");
    mkdirSync(dir, { recursive: true });
    execFileSync("mkfifo", [join(dir, "manifest.json")]);

    expect(await openStore(state).latest()).toBeUndefined();
  });
});
