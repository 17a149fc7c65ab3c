import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import Database from "better-sqlite3";
import { describe, expect, test } from "vitest";
import { sha256Of } from "../../../src/snapshot/hashing.js";
import { type Manifest, snapshotId } from "../../../src/snapshot/manifest.js";
import { parseManifest } from "../../../src/snapshot/manifest-file.js";
import { sealed } from "../../../src/snapshot/seal.js";
import { copyOf, fixture, manifestFor, scratch } from "../../../src/snapshot/test-fixtures.js";
import { bitFlips, changedManifests, corpus, corpusSeed, seeded, truncations, verdicts } from "./damage.js";
import {
  blindTo,
  gzip,
  installGate,
  nothingNew,
  type Original,
  original,
  passed,
  receiverGate,
  senderGate,
  storeGate,
  tlsBytes,
  type Verdict,
} from "./gates.js";

// Each refusal is made durable with a dozen fsyncs: on a disk they are much of the time.
if (existsSync("/dev/shm")) process.env.TMPDIR = "/dev/shm";

/** Longer than it takes on a busy machine. */
const timeout = 600_000;

function causesIn(found: Record<string, unknown>): string[] {
  return Object.keys(found).sort();
}

describe(`every kind of damage to a database (seed ${corpusSeed})`, () => {
  test("is refused before it is shipped, or there is nothing to ship in it", { timeout }, async () => {
    const good = await original();
    const gate = senderGate(good);
    expect(await gate(good.database)).toBe(nothingNew);
    const { flips, truncations, zeroed, swapped } = corpus(good.database);

    const flipped = await verdicts(flips, gate);
    expect(causesIn(flipped)).toEqual(["content-differs", "definitions-differ", "integrity", nothingNew]);
    // What no row has: bits in what a page does not use, counters of the header.
    expect(flipped[nothingNew]?.count).toBeLessThan(700);
    for (const damaged of [truncations, zeroed])
      expect(causesIn(await verdicts(damaged, gate))).toEqual(["integrity", "not-a-database"]);
    // Two tables that are defined alike may have changed places, or two pages with nothing on them.
    const known = ["content-differs", "definitions-differ", "integrity", "not-a-database", nothingNew];
    expect(known).toEqual(expect.arrayContaining(causesIn(await verdicts(swapped, gate))));
  });

  test("is refused before it is installed", { timeout }, async () => {
    const good = await original();
    const gate = installGate(good);
    expect(await gate(good.database)).toBe(passed);
    const { flips, truncations, zeroed, swapped } = corpus(good.database);

    expect(await verdicts(flips, gate)).toEqual({
      "digest-differs": expect.objectContaining({ count: 1_000 }),
    });
    const cut = await verdicts(truncations, gate);
    expect(causesIn(cut)).toEqual(["size-differs"]);
    expect(cut["size-differs"]?.count).toBe(300 + good.database.length / 4_096);
    expect(causesIn(await verdicts(zeroed, gate))).toEqual(["digest-differs"]);
    expect(causesIn(await verdicts(swapped, gate))).toEqual(["digest-differs"]);
  });
});

describe("what is no damage of bits", () => {
  /** Each file with what the three gates say of it: sender, receiver, before installing. */
  async function said(file: string, before?: Original): Promise<Verdict[]> {
    const good = before ?? (await original([]));
    const bytes = readFileSync(file);
    const made = await manifestFor(file, { epoch: 3, sequence: 2, node: "a" }, { method: "file" });
    const { offer, store } = await receiverGate(good);
    if (before) await offer(good);
    const packed = gzip(bytes);
    const received = await offer({ manifest: blindTo({ ...made, tls: [] }, packed), packed, tls: [] });
    expect((await store.list()).map(({ id }) => id)).not.toContain(made.id);
    return [await senderGate(good)(bytes), received, await installGate(good)(bytes, blindTo(made, packed))];
  }

  test("a database of something else, or none at all", async () => {
    const dir = scratch();
    const songs = join(dir, "songs.db");
    const db = new Database(songs);
    db.exec("CREATE TABLE songs (name); INSERT INTO songs VALUES ('a')");
    db.close();
    const [text, empty] = [join(dir, "text"), join(dir, "empty")];
    writeFileSync(text, "x".repeat(8_192));
    writeFileSync(empty, "");

    expect(await said(songs)).toEqual(["no-tables", "no-tables", "no-tables"]);
    const good = await original([]);
    const gates = [senderGate(good), installGate(good)];
    expect(await Promise.all(gates.map((gate) => gate(readFileSync(text))))).toEqual([
      "not-a-database",
      "size-differs",
    ]);
    expect(await Promise.all(gates.map((gate) => gate(readFileSync(empty))))).toEqual([
      "not-a-database",
      "size-differs",
    ]);
    const claimed = {
      ...good.manifest,
      database: { ...good.manifest.database, size: 8_192, sha256: sha256Of("x".repeat(8_192)) },
    };
    expect(await gates[1]?.(readFileSync(text))).toBe("size-differs");
    expect(await installGate(good)(readFileSync(text), sealed(claimed))).toBe("not-a-database");
  });

  test("the half state of a SAVE", async () => {
    const all = ["suspiciously-empty", "suspiciously-empty", "suspiciously-empty"];

    expect(await said(fixture("2.7.1-halfsaved"), await original([]))).toEqual(all);
  });

  test("a table with one column more, or a name in quotes", async () => {
    const dir = scratch();
    const quoted = copyOf("2.7.1-shop", dir);
    const db = new Database(quoted);
    db.unsafeMode(true);
    db.pragma("writable_schema = ON");
    db.exec(`UPDATE sqlite_master SET sql = replace(sql, 'TABLE mysql_users', 'TABLE "mysql_users"')
             WHERE name = 'mysql_users'`);
    db.close();
    const all = ["definitions-differ", "definitions-differ", "definitions-differ"];

    expect(await said(copyOf("2.7.1-shop", dir, "ALTER TABLE mysql_servers ADD COLUMN extra INT"))).toEqual(
      all,
    );
    expect(await said(quoted)).toEqual(all);
  });
});

describe("a manifest", () => {
  test("of another snapshot, even of an equally large one", async () => {
    const good = await original([]);
    const other = await original(["UPDATE mysql_servers SET weight = weight + 1"]);
    expect(other.manifest.database.size).toBe(good.manifest.database.size);
    const { offer } = await receiverGate(good);

    expect(await offer({ manifest: other.manifest, packed: good.packed })).toBe("digest-differs");
    expect(await offer({ manifest: blindTo(other.manifest, good.packed), packed: good.packed })).toBe(
      "digest-differs",
    );
    expect(await installGate(good)(good.database, other.manifest)).toBe("digest-differs");
    const stored = storeGate(good);
    expect(await stored("manifest.json", readFileSync(join(other.dir, "manifest.json")))).toBe(
      "digest-differs",
    );
    const elsewhere = sealed({
      ...good.manifest,
      id: snapshotId({ epoch: 3, sequence: 9, node: "a" }),
      lineage: { epoch: 3, sequence: 9, node: "a" },
    });
    expect(await stored("manifest.json", Buffer.from(JSON.stringify(elsewhere)))).toBe("manifest-invalid");
  });

  test("with one field changed, left out or added, each of them", { timeout }, async () => {
    const good = await original([]);
    const stored = storeGate(good);
    const { offer } = await receiverGate(good);
    const found: Record<string, number> = {};
    const survivors: string[] = [];
    for (const { what, value } of changedManifests(good.manifest)) {
      const all = [
        await stored("manifest.json", Buffer.from(JSON.stringify(value))),
        await offer({ manifest: value, packed: good.packed }),
      ];
      for (const verdict of all) found[verdict] = (found[verdict] ?? 0) + 1;
      if (all.some((verdict) => verdict !== "manifest-invalid")) survivors.push(`${what}: ${all.join(", ")}`);
    }

    expect(survivors).toEqual([]);
    expect(found["manifest-invalid"]).toBeGreaterThan(600);
    expect(await offer(good)).toBe(passed);
    expect(await stored("manifest.json", readFileSync(join(good.dir, "manifest.json")))).toBe(passed);
  });

  test("whose maker was wrong about what it describes, although its seal is right", async () => {
    const good = await original([]);
    const gate = installGate(good);
    const digest = "0".repeat(64);
    const { manifest } = good;
    const { mysql_servers: servers = { rows: 0, content: digest, definition: digest }, ...rest } =
      manifest.tables;
    const wrong: [Partial<Manifest>, Verdict][] = [
      [{ database: { ...manifest.database, size: manifest.database.size + 1 } }, "size-differs"],
      [{ database: { ...manifest.database, sha256: digest } }, "digest-differs"],
      [{ database: { ...manifest.database, pages: 1 } }, "content-differs"],
      [{ database: { ...manifest.database, pageSize: 512 } }, "content-differs"],
      [{ content: digest }, "content-differs"],
      [{ shared: digest }, "content-differs"],
      [{ definitions: digest }, "content-differs"],
      [{ tables: rest }, "content-differs"],
      [{ tables: { ...manifest.tables, more: servers } }, "content-differs"],
      [{ tables: { ...rest, mysql_servers: { ...servers, rows: servers.rows + 1 } } }, "content-differs"],
      [{ tables: { ...rest, mysql_servers: { ...servers, content: digest } } }, "content-differs"],
      [{ tables: { ...rest, mysql_servers: { ...servers, definition: digest } } }, "content-differs"],
      [{ tls: [] }, "content-differs"],
      [{ tls: manifest.tls.slice(1) }, "tls-differs"],
      [{ tls: manifest.tls.map((file) => ({ ...file, sha256: digest })) }, "tls-differs"],
      [{ tls: manifest.tls.map((file) => ({ ...file, size: file.size + 1 })) }, "tls-differs"],
    ];

    for (const [change, cause] of wrong) {
      const made = sealed({ ...manifest, ...change });
      expect(parseManifest(made)).toEqual({ manifest: made });
      expect(await gate(good.database, made), JSON.stringify(change)).toBe(cause);
    }
  });
});

describe("the files beside the database", () => {
  test("a TLS file that is flipped anywhere, cut, or not there", async () => {
    const good = await original([]);
    const stored = storeGate(good);
    const { offer } = await receiverGate(good);
    for (const [place, { name }] of good.manifest.tls.entries()) {
      const bytes = readFileSync(join(good.dir, name));
      for (const { bytes: flipped, what } of bitFlips(bytes, bytes.length, seeded(corpusSeed))) {
        expect(await stored(name, flipped), what).toBe("tls-differs");
      }
      const tls = tlsBytes(good);
      tls[place] = Buffer.from(bytes.toString("latin1").toLowerCase());
      expect(await offer({ ...good, tls })).toBe("tls-differs");
      tls[place] = bytes.subarray(1);
      expect(await offer({ ...good, tls })).toBe("tls-differs");
      expect(await stored(name, bytes.subarray(1))).toBe("tls-differs");
      expect(await stored(name, null)).toBe("incomplete");
    }
    expect(await offer({ ...good, tls: tlsBytes(good).slice(1) })).toBe("incomplete");
  });

  test("a packed database that is flipped, cut, longer, or not there", { timeout }, async () => {
    const good = await original([]);
    const stored = storeGate(good);
    const { offer } = await receiverGate(good);
    const gate = (bytes: Buffer): Promise<Verdict> => stored("proxysql.db.gz", bytes);
    const random = seeded(corpusSeed);
    const byTen = Math.ceil(good.packed.length / 10);

    expect(await verdicts(bitFlips(good.packed, 1_000, random), gate)).toEqual({
      "digest-differs": expect.objectContaining({ count: 1_000 }),
    });
    // The header of a gzip has a time and a system that nothing else depends on, and its end is followed by anything.
    expect(
      Object.keys(await verdicts(bitFlips(good.packed.subarray(0, 10), 10, random), gate)),
    ).not.toContain(passed);
    expect(Object.keys(await verdicts(truncations(good.packed, byTen, 100, random), gate))).toEqual([
      "digest-differs",
    ]);
    const longer = [Buffer.alloc(1), Buffer.alloc(70_000), Buffer.from("garbage"), gzipSync(""), good.packed];
    for (const more of longer) {
      const packed = Buffer.concat([good.packed, more]);
      expect(await gate(packed)).toBe("digest-differs");
      expect(await offer({ manifest: good.manifest, packed })).toBe("digest-differs");
    }
    const [flipped] = bitFlips(good.packed, 1, random);
    expect(await offer({ manifest: good.manifest, packed: flipped?.bytes ?? good.packed })).toBe(
      "digest-differs",
    );
    expect(await offer({ manifest: good.manifest, packed: Buffer.alloc(0) })).toBe("digest-differs");
    expect(await stored("proxysql.db.gz", null)).toBe("incomplete");
  });

  test("a gzip that swells without an end, and its sender knows it", async () => {
    const good = await original([]);
    const bomb = gzipSync(Buffer.alloc(256 * 1024 * 1024), { level: 9 });
    const manifest = blindTo(good.manifest, bomb);
    const { offer, stateDir } = await receiverGate(good);

    expect(bomb.length).toBeLessThan(1_000_000);
    expect(await offer({ manifest, packed: bomb })).toBe("size-differs");
    // A manifest that owns up to it is asked whether there is room, and one that claims too much is not believed.
    const claim = (size: number): Manifest =>
      sealed({ ...manifest, database: { ...manifest.database, size } });
    expect(await offer({ manifest: claim(2 ** 32 + 1), packed: bomb })).toBe("manifest-invalid");
    expect(await offer({ manifest: claim(bomb.length), packed: bomb })).toBe("size-differs");
    expect(readdirSync(join(stateDir, "inbox"))).toEqual([]);
  });
});
