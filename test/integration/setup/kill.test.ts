import { cpSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it, onTestFinished } from "vitest";
import { findOut } from "../../../src/setup/find.js";
import { performSetup, sweep } from "../../../src/setup/perform.js";
import { prepare } from "../../../src/setup/prepare.js";
import { readRecord } from "../../../src/setup/record.js";
import { lookForRemoval, performRemoval, planRemoval } from "../../../src/setup/remove.js";
import { type Host, hostIn, hostKey, known, run, somebodysKey, tree } from "./harness.js";

const preload = join(import.meta.dirname, "kill-at-write.js");
const rule = "usr/local/etc/devd/proxysql-carp.conf";
const minutes = 60_000;

/** A host with a rule of somebody's that has to make way, and the arguments of a setup that does everything. */
function prepared(): { base: string; key: string; args: readonly string[] } {
  const base = mkdtempSync(join(tmpdir(), "setup-kill-"));
  onTestFinished(() => rmSync(base, { recursive: true, force: true }));
  const host = hostIn(join(base, "first"), "root");
  host.write(rule, "# mine\n", 0o600);
  const key = somebodysKey(base, "b");
  return { base, key, args: [...known, "--vhid", "9@em0", "--force", "--peer-key", key] };
}

/** A copy of a host as it is now. */
function copy(base: string, from: string, to: string): Host {
  cpSync(join(base, from), join(base, to), { recursive: true, preserveTimestamps: true });
  return hostIn(join(base, to), "root");
}

/** The tree without what is another one in each run: the key pair, and the record with its digest. */
function comparable(root: string): Record<string, string> {
  return Object.fromEntries(
    Object.entries(tree(root)).map(([path, looks]) =>
      /id_ed25519|setup\.json/.test(path) ? [path, looks.split(" ").slice(0, 3).join(" ")] : [path, looks],
    ),
  );
}

async function killed(host: Host, at: number, args: readonly string[]): Promise<boolean> {
  const env = { ...host.env, NODE_OPTIONS: `--import ${preload}`, KILL_AT: String(at) };
  return (await run(env, ["setup", "--yes", "--root", host.root, ...args])).code === -1;
}

// What comes after the kill runs in this process: a program of its own for each would take minutes.

/** What `setup --yes --force` does. */
async function setupAgain(root: string, peerKey: string): Promise<void> {
  const configFile = "/usr/local/etc/proxysql-carp.toml";
  const given = { node: "a", vhid: ["9@em0"], peer: "b", peerHost: "192.0.2.12" };
  const asked = { hostKey, hostKeyFingerprint: undefined, peerKey, enable: false };
  const draft = await prepare(
    { root, configFile, given, ...asked },
    await findOut(root, configFile, undefined),
  );
  const { steps, conflicts } = draft.plan(() => true);
  expect(conflicts).toEqual([]);
  await performSetup(root, { steps, wanted: draft.wanted, makeUser: false, enable: null }, () => {});
}

/** What `setup --remove --yes` does. */
async function removeAgain(root: string): Promise<void> {
  const record = await readRecord(root);
  if (record === undefined) return sweep(root, []);
  const steps = planRemoval(record, await lookForRemoval(root, record), () => false);
  expect(steps.filter(({ action }) => action === "keep")).toEqual([]);
  expect(await performRemoval(root, record, steps, () => {})).toEqual([]);
}

/** How many changes a whole run makes. */
async function changesOf(host: Host, args: readonly string[]): Promise<number> {
  const log = join(host.dir, "count");
  const env = { ...host.env, NODE_OPTIONS: `--import ${preload}`, KILL_COUNT: log };
  const { code } = await run(env, ["setup", "--yes", "--root", host.root, ...args]);
  expect(code).toBe(0);
  const count = readFileSync(log, "utf8").trimEnd().split("\n").length;
  rmSync(log);
  return count;
}

/** Two at a time: the machine has other things to do, too. */
async function forEachNumber(count: number, work: (number: number) => Promise<void>): Promise<void> {
  let next = 0;
  async function lane(): Promise<void> {
    while (next < count) {
      next += 1;
      await work(next);
    }
  }
  await Promise.all([lane(), lane()]);
}

it(
  "is finished by running it again, and taken back by --remove, wherever it was killed",
  async () => {
    const { base, key, args } = prepared();
    const before = tree(join(base, "first/root"));
    const whole = copy(base, "first", "whole");
    const count = await changesOf(whole, args);
    const wanted = comparable(whole.root);
    expect(count).toBeGreaterThan(40);

    await forEachNumber(count, async (at) => {
      const host = copy(base, "first", `at-${at}`);
      expect(`${at} ${await killed(host, at, args)}`).toBe(`${at} true`);
      const other = copy(base, `at-${at}`, `removed-${at}`);

      await setupAgain(host.root, key);
      expect({ at, tree: comparable(host.root) }).toEqual({ at, tree: wanted });
      await removeAgain(other.root);
      expect({ at, tree: tree(other.root) }).toEqual({ at, tree: before });
      for (const dir of [host.dir, other.dir]) rmSync(dir, { recursive: true });
    });
  },
  10 * minutes,
);

it(
  "is removed by running --remove again, wherever that was killed",
  async () => {
    const { base, args } = prepared();
    const before = tree(join(base, "first/root"));
    const host = copy(base, "first", "whole");
    expect((await host.setup("--yes", ...args)).code).toBe(0);
    const count = await changesOf(copy(base, "whole", "counted"), ["--remove"]);
    expect(count).toBeGreaterThan(20);

    await forEachNumber(count, async (at) => {
      const one = copy(base, "whole", `at-${at}`);
      expect(`${at} ${await killed(one, at, ["--remove"])}`).toBe(`${at} true`);
      await removeAgain(one.root);
      expect({ at, tree: tree(one.root) }).toEqual({ at, tree: before });
      rmSync(one.dir, { recursive: true });
    });
  },
  10 * minutes,
);
