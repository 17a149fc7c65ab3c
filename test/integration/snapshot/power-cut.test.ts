import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { afterEach, describe, expect, it, vi } from "vitest";
import { inspectDatabase } from "../../../src/snapshot/inspect.js";
import { installDatabase } from "../../../src/snapshot/install.js";
import { defaultKeepLocal, parseKeepLocal } from "../../../src/snapshot/keep-local.js";
import { openStore } from "../../../src/snapshot/store.js";
import { takeSnapshot } from "../../../src/snapshot/take.js";
import { copyOf, fixture, scratch } from "../../../src/snapshot/test-fixtures.js";
import { verifyUnpacked } from "../../../src/snapshot/verify.js";

/**
 * The power goes before the n-th change of the file system; nothing happens after it, no cleaning up either. Files
 * that were not fsynced after their last change then lose their content.
 */
const power = vi.hoisted(() => ({
  changes: 0,
  cutBefore: Number.POSITIVE_INFINITY,
  synced: new Map<number, string>(),
  use(): void {
    this.changes += 1;
    if (this.changes >= this.cutBefore) throw new Error("power cut");
  },
}));

vi.mock("node:fs/promises", async (original) => {
  const real = await original<typeof import("node:fs/promises")>();
  const changing = [
    "mkdir",
    "mkdtemp",
    "rename",
    "rm",
    "writeFile",
    "copyFile",
    "chmod",
    "chown",
    "unlink",
  ] as const;
  const wrapped = changing.map((name) => [
    name,
    async (...args: unknown[]): Promise<unknown> => {
      if (name === "rm" && power.changes + 1 === power.cutBefore) await removeHalf(String(args[0]));
      power.use();
      return (real[name] as (...a: unknown[]) => Promise<unknown>)(...args);
    },
  ]);
  /** Removing a directory is many steps: the power goes after the first. */
  async function removeHalf(path: string): Promise<void> {
    const names = await real.readdir(path).catch(() => []);
    if (names[0] !== undefined) await real.rm(join(path, names[0]), { recursive: true });
  }
  const open = async (...args: Parameters<typeof real.open>): ReturnType<typeof real.open> => {
    if (args[1] !== "r") power.use();
    const handle = await real.open(...args);
    const sync = handle.sync.bind(handle);
    handle.sync = async (): Promise<void> => {
      power.use();
      await sync();
      const { ino, size, mtimeMs } = await handle.stat();
      power.synced.set(ino, `${size} ${mtimeMs}`);
    };
    return handle;
  };
  return { ...real, ...Object.fromEntries(wrapped), open };
});

vi.mock("node:fs", async (original) => {
  const real = await original<typeof import("node:fs")>();
  const createWriteStream: typeof real.createWriteStream = (...args) => {
    power.use();
    return real.createWriteStream(...args);
  };
  return { ...real, createWriteStream };
});

afterEach(restore);

function restore(): void {
  power.changes = 0;
  power.cutBefore = Number.POSITIVE_INFINITY;
}

/** What the disk is like after the power came back. */
function loseUnsynced(dir: string): void {
  for (const name of readdirSync(dir)) {
    const path = join(dir, name);
    const { ino, size, mtimeMs } = statSync(path);
    if (statSync(path).isDirectory()) loseUnsynced(path);
    else if (power.synced.get(ino) !== `${size} ${mtimeMs}`) truncateSync(path);
  }
}

/** These files are on disk already when the story begins. */
function alreadySynced(dir: string): void {
  for (const name of readdirSync(dir)) {
    const { ino, size, mtimeMs } = statSync(join(dir, name));
    power.synced.set(ino, `${size} ${mtimeMs}`);
  }
}

/** Runs the story again and again, each time with the power cut one step later, until it comes to its end. */
async function cutEverywhere(
  story: () => Promise<{ act(): Promise<unknown>; after(): Promise<void> }>,
): Promise<number> {
  for (let step = 1; ; step += 1) {
    power.synced.clear();
    restore();
    const { act, after } = await story();
    power.changes = 0;
    power.cutBefore = step;
    const error: unknown = await act().then(
      () => undefined,
      (thrown: unknown) => thrown,
    );
    const through = power.changes < step;
    restore();
    if (!through) expect(String(error)).toContain("power cut");
    await after();
    if (through) {
      expect(error).toBeUndefined();
      return step;
    }
  }
}

function addTls(dir: string, what: string): void {
  for (const name of ["ca", "cert", "key"])
    writeFileSync(join(dir, `proxysql-${name}.pem`), `${what} ${name}`);
}

describe("a power cut", () => {
  it("while a snapshot is taken leaves none, or a whole one that verifies", async () => {
    let whole = 0;
    const steps = await cutEverywhere(async () => {
      const [state, datadir] = [scratch(), scratch()];
      copyFileSync(fixture("2.7.1-shop"), join(datadir, "proxysql.db"));
      addTls(datadir, "own");
      const store = openStore(state);
      const options = {
        ...{
          via: null,
          datadir,
          staging: join(state, "staging"),
          store,
          ancestry: [],
          proxysqlVersion: null,
        },
        lineage: { epoch: 1, sequence: 1, node: "a" },
      };
      return {
        act: () => takeSnapshot(options),
        async after(): Promise<void> {
          loseUnsynced(state);
          const all = await openStore(state).list();
          whole += all.length;
          for (const { id } of all) {
            const to = scratch();
            const manifest = await store.unpack(id, to);
            expect(await verifyUnpacked(to, manifest)).toMatchObject({ ok: true });
          }
          // What is left half done does not stand in the way of the next one.
          const next = { ...options, lineage: { ...options.lineage, sequence: 2 } };
          expect(await takeSnapshot(next)).toMatchObject({ unchanged: false });
        },
      };
    });

    expect(steps).toBeGreaterThan(20);
    expect(whole).toBeGreaterThan(0);
    expect(whole).toBeLessThan(steps);
  });

  it("while old snapshots are purged never leaves half of one to be seen", async () => {
    await cutEverywhere(async () => {
      const [state, datadir] = [scratch(), scratch()];
      const store = openStore(state);
      for (const sequence of [1, 2, 3]) {
        copyFileSync(
          copyOf("2.7.1-shop", scratch(), `UPDATE mysql_servers SET weight=${sequence}`),
          join(datadir, "proxysql.db"),
        );
        const rest = {
          via: null,
          datadir,
          staging: join(state, "staging"),
          store,
          ancestry: [],
          proxysqlVersion: null,
        };
        await takeSnapshot({ ...rest, lineage: { epoch: 1, sequence, node: "a" } });
      }
      return {
        act: () => store.purge("outbox", 1),
        async after(): Promise<void> {
          const all = await store.list();
          expect(all.at(-1)?.lineage.sequence).toBe(3);
          for (const { id } of all) expect((await store.unpack(id, scratch())).id).toBe(id);
        },
      };
    });
  });

  it("during an installation leaves the old database or the new one, and the next run finishes it", async () => {
    const keepLocal = parseKeepLocal(defaultKeepLocal);
    const seen = new Set<number | undefined>();
    const steps = await cutEverywhere(async () => {
      const dir = scratch();
      const [datadir, unpackedDir, keepDir] = [join(dir, "data"), join(dir, "unpacked"), join(dir, "kept")];
      for (const made of [datadir, unpackedDir]) mkdirSync(made);
      copyFileSync(fixture("2.7.1-default"), join(datadir, "proxysql.db"));
      addTls(datadir, "old");
      alreadySynced(datadir);
      const owner = { uid: process.getuid?.() ?? 0, gid: process.getgid?.() ?? 0 };
      const unpack = (): void => {
        copyFileSync(fixture("2.7.1-shop"), join(unpackedDir, "proxysql.db"));
        addTls(unpackedDir, "new");
      };
      const install = (): Promise<unknown> =>
        installDatabase({ unpackedDir, datadir, owner, keepDir, keepLocal });
      unpack();
      return {
        act: install,
        async after(): Promise<void> {
          loseUnsynced(datadir);
          if (existsSync(keepDir)) loseUnsynced(keepDir);
          const left = await inspectDatabase(join(datadir, "proxysql.db"));
          expect(left.problems).toEqual([]);
          seen.add(left.tables.mysql_servers?.rows);
          const tls = ["ca", "cert", "key"].map((name) =>
            readFileSync(join(datadir, `proxysql-${name}.pem`), "utf8"),
          );
          for (const text of tls) expect(text).toMatch(/^(old|new) (ca|cert|key)$/);
          // With the new database all the rest is new too.
          if (left.tables.mysql_servers?.rows === 3) expect(tls).toEqual(["new ca", "new cert", "new key"]);
          unpack();
          await install();
          expect((await inspectDatabase(join(datadir, "proxysql.db"))).tables.mysql_servers?.rows).toBe(3);
          expect(readdirSync(datadir).sort()).toEqual([
            "proxysql-ca.pem",
            "proxysql-cert.pem",
            "proxysql-key.pem",
            "proxysql.db",
          ]);
        },
      };
    });

    expect(steps).toBeGreaterThan(20);
    expect(seen).toEqual(new Set([0, 3]));
  });
});
