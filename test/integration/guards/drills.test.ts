import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { schedule } from "node-cron";
import { afterEach, describe, expect, it, onTestFinished } from "vitest";
import { type DrillNode, Drills } from "../../../src/agent/drills.js";
import { Maintenance } from "../../../src/agent/maintenance.js";
import { configSchema } from "../../../src/config/schema.js";
import { Journal } from "../../../src/journal/journal.js";
import { ensureDirectory } from "../../../src/platform/files.js";
import { createLogger } from "../../../src/platform/log.js";
import { Staging } from "../../../src/ship/staging.js";
import { defaultKeepLocal, parseKeepLocal } from "../../../src/snapshot/keep-local.js";
import { readManifest } from "../../../src/snapshot/manifest-file.js";
import { packedDatabaseName, packInto } from "../../../src/snapshot/pack.js";
import { openStore, type Store } from "../../../src/snapshot/store.js";
import { copyOf, manifestFor, scratch } from "../../../src/snapshot/test-fixtures.js";
import { until } from "../../support/pair/pair.js";
import { hasProc, processesOf, proxysqlProgram, script } from "./drill-harness.js";

const patience = 90_000;
const owner = { uid: process.geteuid?.() ?? 0, gid: process.getegid?.() ?? 0 };

interface TestNode {
  readonly node: DrillNode;
  readonly dir: string;
  readonly store: Store;
  /** Everything that was logged. */
  log(): string;
}

const dirs: string[] = [];

/** The parts of an agent that drills use, on a state directory of their own, with one snapshot if not told otherwise. */
async function makeNode(program?: string, { empty = false } = {}): Promise<TestNode> {
  const dir = scratch();
  dirs.push(dir);
  const stateDir = join(dir, "state");
  await ensureDirectory(stateDir, 0o711);
  const config = configSchema.parse({
    node: { name: "b", state_dir: stateDir, run_dir: dir },
    carp: { vhids: ["9@em0"] },
    proxysql: { admin_password_file: join(dir, "none"), program: program ?? proxysqlProgram(dir) },
    peer: [{ name: "a", host: "a", key_file: "/a", host_key: `ssh-ed25519 ${"A".repeat(68)}` }],
  });
  const journal = Journal.open(join(stateDir, "journal.db"), () => undefined);
  onTestFinished(() => journal.close());
  const store = openStore(stateDir);
  const logged: string[] = [];
  const log = createLogger("info", { write: (line: string) => void logged.push(line) });
  const node: DrillNode = {
    config,
    log,
    journal,
    store,
    staging: new Staging(join(stateDir, "staging"), () => Promise.resolve(owner)),
    keepLocal: parseKeepLocal(defaultKeepLocal),
    maintenance: new Maintenance(journal),
    proxysqlOwner: () => Promise.resolve(owner),
  };
  if (!empty) await addSnapshot(store, dir, 1);
  return { node, dir, store, log: () => logged.join("") };
}

async function addSnapshot(store: Store, dir: string, sequence: number): Promise<string> {
  const database = copyOf("2.7.1-shop", dir);
  const incoming = await store.prepare("inbox");
  await packInto(
    incoming,
    { database, tls: [] },
    await manifestFor(database, { epoch: 1, sequence, node: "a" }),
  );
  const manifest = await readManifest(incoming);
  await store.admit(incoming, manifest, "inbox");
  return manifest.id;
}

/** A program that stays, and ends only when it is killed. */
function stays(): string {
  return script(scratch(), "stays", "#!/bin/sh\ntrap '' TERM\nwhile :; do sleep 1; done\n");
}

function staged({ dir }: TestNode): string[] {
  return readdirSync(join(dir, "state/staging"));
}

afterEach(async () => {
  for (const dir of dirs.splice(0)) {
    if (hasProc) await until("no process is left", async () => processesOf(dir).length === 0, 5_000);
  }
});

function startDrills(node: DrillNode): Drills {
  const drills = new Drills(node);
  drills.start();
  onTestFinished(() => drills.stop());
  return drills;
}

function withProgram({ config }: DrillNode, program: string): DrillNode["config"] {
  return { ...config, proxysql: { ...config.proxysql, program } };
}

/** Waits until a schedule of every second has come twice since: one that stands beside it has come too. */
async function twoTicks(): Promise<void> {
  let ticks = 0;
  const witness = schedule("* * * * * *", () => {
    ticks += 1;
  });
  await until("two ticks", async () => ticks >= 2);
  await witness.destroy();
}

describe("the drills of an agent", { timeout: patience }, () => {
  it("restore the newest snapshot, keep the result across restarts, and leave nothing", async () => {
    const test = await makeNode();
    const newest = await addSnapshot(test.store, test.dir, 2);

    const record = await startDrills(test.node).run();

    expect(record).toMatchObject({ snapshot: newest, ok: true, judged: true, why: null });
    expect(record.ms).toBeGreaterThan(record.startMs ?? 0);
    expect(new Drills(test.node).last).toEqual(record);
    expect(staged(test)).toEqual([]);
    expect(test.log()).toContain("the restore drill passed");
  });

  it("quarantine a snapshot that rotted, and tell that a restore fails", async () => {
    const test = await makeNode();
    const [stored] = await test.store.list();
    if (!stored) throw new Error("there is no snapshot");
    const file = join(stored.dir, packedDatabaseName);
    const bytes = readFileSync(file);
    bytes[bytes.length >> 1] = (bytes[bytes.length >> 1] ?? 0) ^ 1;
    writeFileSync(file, bytes);

    const drills = startDrills(test.node);
    const record = await drills.run();

    expect(record).toMatchObject({ ok: false, judged: true, snapshot: stored.id, startMs: null });
    expect(record.why).toMatch(/^The snapshot is bad \([a-z-]+\): /);
    expect(drills.last).toEqual(record);
    expect(await test.store.list()).toEqual([]);
    expect(test.log()).toContain('"msg":"the restore drill failed"');
    expect(staged(test)).toEqual([]);
  });

  it("say nothing of a restore when there is no snapshot", async () => {
    const test = await makeNode(undefined, { empty: true });
    const drills = startDrills(test.node);

    expect(await drills.run()).toMatchObject({
      ok: false,
      judged: false,
      snapshot: null,
      why: "There is no snapshot yet that could be restored.",
    });
    expect(drills.last).toBe(null);
  });

  it("refuse a second one while the first runs", async () => {
    const test = await makeNode(stays());
    const drills = startDrills(test.node);
    const first = drills.run();

    await expect(drills.run()).rejects.toThrow("A restore drill is under way");
    await drills.stop();
    expect(await first).toMatchObject({ judged: false });
  });

  it("are given up when the role comes, and what was known stays known", async () => {
    const test = await makeNode();
    const known = await startDrills(test.node).run();
    const slow = { ...test.node, config: withProgram(test.node, stays()) };
    const drills = startDrills(slow);
    drills.roleSeen("BACKUP");
    const running = drills.run();
    if (hasProc) await until("it runs", async () => processesOf(test.dir).length > 0);
    drills.roleSeen("BACKUP");
    const began = performance.now();
    drills.roleSeen("MASTER");

    const record = await running;

    expect(performance.now() - began).toBeLessThan(4_000);
    expect(record).toMatchObject({ ok: false, judged: false });
    expect(record.why).toMatch(/^The drill was given up/);
    expect(drills.last).toEqual(known);
    expect(staged(test)).toEqual([]);
    expect(test.log()).toContain("the restore drill could not be judged");
  });

  it("run by schedule on a passive node only, and not while an operator works on it", async () => {
    const test = await makeNode(script(scratch(), "ends", "#!/bin/sh\nexit 0\n"));
    const each = structuredClone(test.node.config);
    each.snapshots.drill_schedule = "* * * * * *";
    const drills = startDrills({ ...test.node, config: each });
    const drilled = () => drills.last !== null;

    drills.roleSeen("MASTER");
    await twoTicks();
    expect(drilled()).toBe(false);
    test.node.maintenance.on("a new disk", false);
    drills.roleSeen("BACKUP");
    await twoTicks();
    expect(drilled()).toBe(false);
    test.node.maintenance.off();
    await until("a drill by schedule", async () => drilled(), 10_000);
  });
});
