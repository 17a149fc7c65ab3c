import {
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { basename, join } from "node:path";
import { gzipSync } from "node:zlib";
import { describe, expect, it } from "vitest";
import type { Lineage } from "../role/lineage.js";
import { sha256OfFile } from "./hashing.js";
import { type Manifest, snapshotId } from "./manifest.js";
import { packInto, unpackDirectory } from "./pack.js";
import { refusalOf, refuse } from "./refusal.js";
import { type Box, openStore, type Store } from "./store.js";
import { fixture, manifestFor, scratch } from "./test-fixtures.js";
import { verifyUnpacked } from "./verify.js";

const shop = fixture("2.7.1-shop");

async function put(store: Store, lineage: Lineage, box: Box = "inbox"): Promise<Manifest> {
  const manifest = await manifestFor(shop, lineage);
  const dir = await store.prepare(box);
  await packInto(dir, { database: shop, tls: [] }, manifest);
  await store.admit(dir, manifest, box);
  return manifest;
}

function at(epoch: number, sequence: number, node = "a"): Lineage {
  return { epoch, sequence, node };
}

describe("store", () => {
  it("is empty before anything was put in", async () => {
    const store = openStore(join(scratch(), "not-there"));

    expect(await store.list()).toEqual([]);
    expect(await store.latest()).toBeUndefined();
    expect(await store.sweep()).toEqual([]);
    await expect(store.manifest("x")).rejects.toMatchObject({ code: "snapshot-missing" });
  });

  it("gives back byte for byte what was admitted, for nobody else to read", async () => {
    const state = scratch();
    const store = openStore(state);
    const manifest = await put(store, at(1, 1));

    const to = join(state, "out", "deep");
    await store.unpack(manifest.id, to);

    expect(readFileSync(join(to, "proxysql.db")).equals(readFileSync(shop))).toBe(true);
    expect(await verifyUnpacked(to, manifest)).toMatchObject({ ok: true });
    expect(await store.manifest(manifest.id)).toEqual(manifest);
    const dir = join(state, "inbox", manifest.id);
    expect(statSync(join(state, "inbox")).mode & 0o777).toBe(0o700);
    expect(statSync(dir).mode & 0o777).toBe(0o700);
    for (const name of readdirSync(dir)) expect(statSync(join(dir, name)).mode & 0o777, name).toBe(0o600);
    expect(statSync(join(to, "proxysql.db")).mode & 0o777).toBe(0o600);
  });

  it("sorts by lineage over both boxes, and finds the greatest readable one", async () => {
    const state = scratch();
    const store = openStore(state);
    await put(store, at(2, 1, "b"));
    await put(store, at(1, 10), "outbox");
    await put(store, at(1, 9), "outbox");
    const greatest = await put(store, at(3, 1, "b"));

    expect((await store.list()).map(({ lineage }) => [lineage.epoch, lineage.sequence])).toEqual([
      [1, 9],
      [1, 10],
      [2, 1],
      [3, 1],
    ]);
    expect((await store.latest())?.manifest.id).toBe(greatest.id);
    expect((await store.latest("outbox"))?.manifest.lineage).toEqual(at(1, 10));
    writeFileSync(join(state, "inbox", greatest.id, "manifest.json"), "{");
    expect((await store.latest())?.manifest.lineage).toEqual(at(2, 1, "b"));
  });

  it("takes the same snapshot twice, and refuses another one under its name", async () => {
    const state = scratch();
    const store = openStore(state);
    const manifest = await put(store, at(1, 1));
    await put(store, at(1, 1));

    const dir = await store.prepare("inbox");
    const other = { ...(await manifestFor(fixture("2.7.1-halfsaved"), at(1, 1))) };
    await packInto(dir, { database: fixture("2.7.1-halfsaved"), tls: [] }, other);
    const refused = await store.admit(dir, other, "inbox").catch(refusalOf);

    expect(refused).toMatchObject({ cause: "diverged" });
    expect(readdirSync(join(state, "inbox"))).toContain(manifest.id);
    expect(await store.list()).toHaveLength(1);
  });

  it("does not admit what is not whole", async () => {
    const store = openStore(scratch());
    const manifest = await manifestFor(shop, at(1, 1));
    const dir = await store.prepare("inbox");

    expect(await store.admit(dir, manifest, "inbox").catch(refusalOf)).toMatchObject({ cause: "incomplete" });
    expect(await store.list()).toEqual([]);
  });

  it("purges the lowest, and never the greatest", async () => {
    const state = scratch();
    const store = openStore(state);
    for (const sequence of [3, 1, 2, 10]) await put(store, at(1, sequence));
    await put(store, at(1, 1), "outbox");

    expect(await store.purge("inbox", 2)).toHaveLength(2);
    expect((await store.list()).map(({ box, lineage }) => [box, lineage.sequence])).toEqual([
      ["outbox", 1],
      ["inbox", 3],
      ["inbox", 10],
    ]);
    await store.purge("inbox", 0);
    await store.purge("inbox", -5);
    expect((await store.list()).map(({ lineage }) => lineage.sequence)).toEqual([1, 10]);
    expect(readdirSync(join(state, "inbox"))).toHaveLength(1);
  });

  it("sweeps what dead processes left, and only that", async () => {
    const state = scratch();
    const store = openStore(state);
    const own = await store.prepare("inbox");
    const manifest = await put(store, at(1, 1));
    const parent = `.incoming-${process.ppid}-1`;
    for (const name of [
      ".incoming-999999999-4",
      ".doomed-999999999-5",
      `.incoming-${process.pid}-0`,
      parent,
    ]) {
      mkdirSync(join(state, "inbox", name));
    }

    expect((await store.sweep()).sort()).toEqual(
      [".doomed-999999999-5", ".incoming-999999999-4", `.incoming-${process.pid}-0`].sort(),
    );
    expect(existsSync(own)).toBe(true);
    expect(existsSync(join(state, "inbox", parent))).toBe(true);
    expect(await store.list()).toMatchObject([{ id: manifest.id }]);
  });

  it("quarantines with the cause beside, under a safe name, and not without end", async () => {
    const state = scratch();
    const store = openStore(state);
    const refusal = refuse("integrity", "It is damaged.");
    const manifest = await manifestFor(shop, at(1, 1));
    const withManifest = await store.prepare("inbox");
    await packInto(withManifest, { database: shop, tls: [] }, manifest);

    const named = await store.quarantine(withManifest, refusal);
    const unsafe = await store.quarantine(await store.prepare("inbox"), refusal, "../../../etc");

    expect(named).toContain(join(state, "quarantine", `${manifest.id}-`));
    expect(JSON.parse(readFileSync(join(named, "cause.json"), "utf8"))).toMatchObject(refusal);
    expect(unsafe).toContain(join(state, "quarantine", "unknown-"));
    expect(readdirSync(join(state, "inbox"))).toEqual([]);
    let last = "";
    for (let i = 0; i < 15; i += 1) last = await store.quarantine(await store.prepare("inbox"), refusal);
    expect(readdirSync(join(state, "quarantine"))).toHaveLength(10);
    expect(existsSync(last)).toBe(true);
  });
});

describe("a stored snapshot", () => {
  it("is not taken for another one, whose name it lies under", async () => {
    const state = scratch();
    const store = openStore(state);
    const old = await put(store, at(1, 1));
    const name = "0000000009-0000000001-a";
    cpSync(join(state, "inbox", old.id), join(state, "inbox", name), { recursive: true });

    for (const attempt of [() => store.manifest(name), () => store.unpack(name, scratch())]) {
      expect(refusalOf(await attempt().catch((error: unknown) => error))).toMatchObject({
        cause: "manifest-invalid",
        sentence: expect.stringContaining(old.id),
      });
    }
    expect((await store.latest())?.manifest.id).toBe(old.id);
  });

  it("is refused as a whole if its manifest is damaged", async () => {
    const state = scratch();
    const store = openStore(state);
    const { id } = await put(store, at(1, 1));
    const file = join(state, "inbox", id, "manifest.json");
    writeFileSync(file, readFileSync(file, "utf8").replace('"method": "admin"', '"method": "file"'));

    expect(refusalOf(await store.manifest(id).catch((error: unknown) => error))).toMatchObject({
      cause: "manifest-invalid",
    });
  });
});

it("puts damaged snapshots where they are seen when it sweeps, and leaves the good ones", async () => {
  const state = scratch();
  const store = openStore(state);
  const good = await put(store, at(1, 1));
  const damaged = await put(store, at(1, 2));
  writeFileSync(join(state, "inbox", damaged.id, "manifest.json"), "{");
  cpSync(join(state, "inbox", good.id), join(state, "inbox", "0000000001-0000000003-a"), { recursive: true });
  mkdirSync(join(state, "inbox", "0000000001-0000000004-a"));

  await store.sweep();

  expect((await store.list()).map(({ id }) => id)).toEqual([good.id]);
  const causes = readdirSync(join(state, "quarantine")).map((name) =>
    JSON.parse(readFileSync(join(state, "quarantine", name, "cause.json"), "utf8")),
  );
  expect(causes.map(({ cause }) => cause)).toEqual(["manifest-invalid", "manifest-invalid", "incomplete"]);
});

describe("quarantine", () => {
  const held = refuse("suspiciously-empty", "It is empty.");

  async function refused(store: Store, content: string, lineage = at(1, 1), refusal = held): Promise<string> {
    const dir = await store.prepare("outbox");
    writeFileSync(join(dir, "proxysql.db"), content);
    return store.quarantine(dir, refusal, snapshotId(lineage));
  }

  it("keeps one and the same only once, so that it pushes out nothing else", async () => {
    const state = scratch();
    const store = openStore(state);
    const first = await refused(store, "one");

    expect(await refused(store, "one")).toBe(first);
    expect(await refused(store, "other")).not.toBe(first);
    expect(await refused(store, "one", at(1, 2))).not.toBe(first);
    expect(await refused(store, "one", at(1, 1), refuse("integrity", "It is damaged."))).not.toBe(first);
    expect(readdirSync(join(state, "quarantine"))).toHaveLength(4);
    expect(readdirSync(join(state, "outbox"))).toEqual([]);
  });

  it("lets go what was held back and is accepted, and nothing else", async () => {
    const state = scratch();
    const store = openStore(state);
    await refused(store, "one");
    const stays = [
      await refused(store, "two", at(1, 1), refuse("integrity", "It is damaged.")),
      await refused(store, "one", at(1, 11)),
      await refused(store, "one", at(1, 1, "a-b")),
    ];

    await store.pardon(snapshotId(at(1, 1)), "suspiciously-empty");

    const names = readdirSync(join(state, "quarantine"));
    expect(names.sort()).toEqual(stays.map((path) => basename(path)).sort());
  });
});

describe("unpackDirectory", () => {
  it("writes through no link that stands in the way", async () => {
    const [dir, to, victim] = [scratch(), scratch(), join(scratch(), "victim")];
    const manifest = await manifestFor(shop, at(1, 1));
    await packInto(dir, { database: shop, tls: [] }, manifest);
    writeFileSync(victim, "precious");
    symlinkSync(victim, join(to, "proxysql.db"));

    await unpackDirectory(dir, to, manifest);

    expect(readFileSync(victim, "utf8")).toBe("precious");
    expect(readFileSync(join(to, "proxysql.db")).equals(readFileSync(shop))).toBe(true);
  });

  it("refuses a gzip that is damaged, missing or swells beyond its manifest", async () => {
    const dir = scratch();
    const to = scratch();
    const manifest = await manifestFor(shop, at(1, 1));
    const packed = join(dir, "proxysql.db.gz");
    await packInto(dir, { database: shop, tls: [] }, manifest);
    const good = readFileSync(packed);
    const cause = async (use = manifest): Promise<unknown> =>
      refusalOf(await unpackDirectory(dir, to, use).catch((error: unknown) => error))?.cause;

    expect(await cause()).toBeUndefined();
    writeFileSync(packed, good.subarray(0, good.length - 100));
    expect(await cause()).toBe("digest-differs");
    writeFileSync(packed, gzipSync(Buffer.alloc(50 * 1024 * 1024)));
    expect(await cause()).toBe("digest-differs");
    const size = statSync(packed).size;
    const swelling = { ...manifest, packed: { size, sha256: await sha256OfFile(packed) } };
    expect(await cause(swelling)).toBe("size-differs");
    expect(statSync(join(to, "proxysql.db")).size).toBeLessThanOrEqual(manifest.database.size);
    rmSync(packed);
    expect(await cause()).toBe("incomplete");
  });
});
