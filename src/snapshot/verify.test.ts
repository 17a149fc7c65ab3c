import { copyFileSync, mkdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import Database from "better-sqlite3";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { definitionsOf } from "./definitions.js";
import { sha256Of } from "./hashing.js";
import { inspectDatabase } from "./inspect.js";
import { type Manifest, snapshotId } from "./manifest.js";
import { parseManifest } from "./manifest-file.js";
import { copyOf, fixture, manifestFor, scratch } from "./test-fixtures.js";
import { verifyDatabase, verifyUnpacked } from "./verify.js";

const lineage = { epoch: 3, sequence: 7, node: "a" };

async function causeOf(file: string, options: Parameters<typeof verifyDatabase>[1] = {}): Promise<string> {
  const verified = await verifyDatabase(file, options);
  return verified.ok ? "ok" : verified.refusal.cause;
}

async function ownDefinitions(name = "2.7.1-default"): Promise<Record<string, string>> {
  return definitionsOf(await inspectDatabase(fixture(name)), null).tables;
}

describe("verifyDatabase", () => {
  it.each(["2.7.1-default", "2.7.1-shop", "3.0.0-alpha-default", "3.0.0-alpha-shop"])(
    "passes %s, which the real ProxySQL wrote, against the definitions of either version",
    async (name) => {
      for (const other of ["2.7.1-default", "3.0.0-alpha-default"]) {
        const options = {
          definitions: await ownDefinitions(other),
          manifest: await manifestFor(fixture(name), lineage),
        };
        expect(await causeOf(fixture(name), options)).toBe("ok");
      }
    },
  );

  it("refuses the half state of a SAVE unless it came through the admin or is accepted", async () => {
    const file = fixture("2.7.1-halfsaved");

    expect(await causeOf(file)).toBe("suspiciously-empty");
    expect(await causeOf(file, { accept: true })).toBe("ok");
    expect(await causeOf(file, { method: "admin" })).toBe("ok");
    const manifest = await manifestFor(file, lineage, { method: "file" });
    expect(await causeOf(file, { manifest })).toBe("suspiciously-empty");
  });

  it("holds a snapshot against the one before", async () => {
    const before = await manifestFor(fixture("2.7.1-shop"), lineage);
    const without = (table: string): string => copyOf("2.7.1-shop", dir, `DELETE FROM ${table}`);
    const dir = scratch();

    for (const table of ["mysql_servers", "mysql_users", "mysql_replication_hostgroups"]) {
      expect(await causeOf(without(table), { before, method: "admin" }), table).toBe("suspiciously-empty");
      expect(await causeOf(without(table), { before, method: "admin", accept: true }), table).toBe("ok");
    }
    expect(await causeOf(without("mysql_query_rules"), { before, method: "admin" })).toBe("ok");
    expect(await causeOf(fixture("2.7.1-shop"), { before })).toBe("ok");
    const pgsql = await manifestFor(fixture("3.0.0-alpha-shop"), lineage);
    const emptied = copyOf("3.0.0-alpha-shop", dir, "DELETE FROM pgsql_users");
    expect(await causeOf(emptied, { before: pgsql, method: "admin" })).toBe("suspiciously-empty");
  });

  it("takes the loss of nine tenths of many rows for suspicious, of fewer not", async () => {
    const dir = scratch();
    const servers = (count: number): string =>
      copyOf(
        "2.7.1-shop",
        dir,
        "DELETE FROM mysql_servers",
        `WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n WHERE i<${count})
         INSERT INTO mysql_servers(hostgroup_id,hostname) SELECT i,'db' FROM n`,
      );
    const [twenty, nineteen] = [
      await manifestFor(servers(20), lineage),
      await manifestFor(servers(19), lineage),
    ];

    expect(await causeOf(servers(1), { before: twenty })).toBe("suspiciously-empty");
    expect(await causeOf(servers(2), { before: twenty })).toBe("ok");
    expect(await causeOf(servers(1), { before: nineteen })).toBe("ok");
  });

  it("refuses other definitions of tables that both know", async () => {
    const dir = scratch();
    const definitions = await ownDefinitions();
    const quoted = `CREATE TABLE copied AS SELECT * FROM mysql_users; DROP TABLE mysql_users;
      CREATE TABLE "mysql_users" (username VARCHAR NOT NULL , password VARCHAR)`;
    const extra = "ALTER TABLE mysql_servers ADD COLUMN extra INT";

    expect(await causeOf(copyOf("2.7.1-shop", dir, extra), { definitions })).toBe("definitions-differ");
    expect(await causeOf(copyOf("2.7.1-shop", dir, quoted), { definitions })).toBe("definitions-differ");
    expect(await causeOf(copyOf("2.7.1-shop", dir, "CREATE TABLE ours (a)"), { definitions })).toBe("ok");
  });

  it("refuses a definition that differs only in its quotes", async () => {
    const file = copyOf("2.7.1-shop", scratch());
    const db = new Database(file);
    db.unsafeMode(true);
    db.pragma("writable_schema = ON");
    db.exec(`UPDATE sqlite_master SET sql = replace(sql, 'TABLE mysql_users', 'TABLE "mysql_users"')
             WHERE name = 'mysql_users'`);
    db.close();

    expect(await causeOf(file)).toBe("ok");
    expect(await causeOf(file, { definitions: await ownDefinitions() })).toBe("definitions-differ");
  });

  it("refuses what is no database of ProxySQL's", async () => {
    const dir = scratch();
    const foreign = join(dir, "foreign.db");
    const db = new Database(foreign);
    db.exec("CREATE TABLE songs (name)");
    db.close();
    const nothing = join(dir, "nothing.db");
    writeFileSync(nothing, "");

    expect(await causeOf(foreign)).toBe("no-tables");
    expect(await causeOf(nothing)).toBe("not-a-database");
    expect(await causeOf(copyOf("2.7.1-shop", dir, "DELETE FROM global_variables"))).toBe("no-tables");
    expect(await causeOf(copyOf("2.7.1-shop", dir, "DROP TABLE mysql_users"))).toBe("no-tables");
  });

  it("refuses the manifest of another snapshot, even of one equally large", async () => {
    const shop = await manifestFor(fixture("2.7.1-shop"), lineage);
    const half = await manifestFor(fixture("2.7.1-halfsaved"), lineage);
    expect(half.database.size).toBe(shop.database.size);

    expect(await causeOf(fixture("2.7.1-shop"), { manifest: half })).toBe("digest-differs");
    const mixed = { ...half, database: shop.database };
    expect(await causeOf(fixture("2.7.1-shop"), { manifest: mixed })).toBe("content-differs");
    expect(await causeOf(fixture("2.7.1-shop"), { manifest: { ...shop, shared: half.shared } })).toBe(
      "content-differs",
    );
  });

  it("finds every flipped bit and every cut of a file that has a manifest", { timeout: 60_000 }, async () => {
    const dir = scratch();
    const manifest = await manifestFor(fixture("2.7.1-shop"), lineage);
    const original = readFileSync(fixture("2.7.1-shop"));
    const file = join(dir, "damaged.db");

    const flip = fc.asyncProperty(fc.nat(original.length * 8 - 1), async (bit) => {
      const damaged = Buffer.from(original);
      damaged[bit >> 3] = (damaged[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      writeFileSync(file, damaged);
      expect(await causeOf(file, { manifest })).toBe("digest-differs");
    });
    const cut = fc.asyncProperty(fc.nat(original.length - 1), async (length) => {
      writeFileSync(file, original.subarray(0, length));
      expect(await causeOf(file, { manifest })).toBe("size-differs");
    });

    await fc.assert(flip, { numRuns: 200 });
    await fc.assert(cut, { numRuns: 100 });
  });

  it("ends with a cause and never with an unknown error, whatever is damaged and without a manifest", {
    timeout: 60_000,
  }, async () => {
    const original = readFileSync(fixture("2.7.1-shop"));
    const file = join(scratch(), "damaged.db");
    const bytes = fc.array(fc.tuple(fc.nat(original.length - 1), fc.nat(255)), {
      minLength: 1,
      maxLength: 40,
    });

    await fc.assert(
      fc.asyncProperty(bytes, fc.boolean(), async (changes, head) => {
        const damaged = Buffer.from(original);
        for (const [at, value] of changes) damaged[head ? at % 4096 : at] = value;
        writeFileSync(file, damaged);
        expect(typeof (await causeOf(file))).toBe("string");
      }),
      { numRuns: 200 },
    );
  });

  it("names damage that SQLite itself sees", async () => {
    const file = join(scratch(), "cut.db");
    copyFileSync(fixture("2.7.1-shop"), file);
    truncateSync(file, 4096 * 30);

    expect(await causeOf(file)).toBe("integrity");
  });
});

describe("verifyUnpacked", () => {
  const pem = (name: string): string => `-----BEGIN ${name}-----\n`;

  async function unpacked(): Promise<{ dir: string; manifest: Manifest }> {
    const dir = join(scratch(), "unpacked");
    mkdirSync(dir);
    copyFileSync(fixture("2.7.1-shop"), join(dir, "proxysql.db"));
    const names = ["proxysql-key.pem", "proxysql-cert.pem", "proxysql-ca.pem"] as const;
    const tls = names.map((name) => ({ name, size: pem(name).length, sha256: sha256Of(pem(name)) }));
    for (const { name } of tls) writeFileSync(join(dir, name), pem(name));
    return { dir, manifest: await manifestFor(join(dir, "proxysql.db"), lineage, { tls }) };
  }

  it("passes a whole snapshot", async () => {
    const { dir, manifest } = await unpacked();

    expect(await verifyUnpacked(dir, manifest)).toMatchObject({ ok: true });
  });

  it("refuses a changed, missing or left out TLS file", async () => {
    const { dir, manifest } = await unpacked();
    const key = join(dir, "proxysql-key.pem");
    const cause = async (use: Manifest): Promise<unknown> => {
      const verified = await verifyUnpacked(dir, use);
      return verified.ok ? "ok" : verified.refusal.cause;
    };

    expect(await cause({ ...manifest, tls: manifest.tls.slice(1) })).toBe("tls-differs");
    expect(await cause({ ...manifest, tls: [] })).toBe("content-differs");
    writeFileSync(key, pem("proxysql-KEY.pem"));
    expect(await cause(manifest)).toBe("tls-differs");
    rmSync(key);
    expect(await cause(manifest)).toBe("incomplete");
    rmSync(join(dir, "proxysql.db"));
    expect(await cause(manifest)).toBe("incomplete");
  });
});

describe("parseManifest", () => {
  it("takes back what was written, and refuses what is not one", async () => {
    const manifest = await manifestFor(fixture("2.7.1-shop"), lineage);

    expect(parseManifest(JSON.parse(JSON.stringify(manifest)))).toEqual({ manifest });
    for (const bad of [null, {}, { ...manifest, id: "../../etc" }, { ...manifest, content: "x" }]) {
      expect(parseManifest(bad)).toMatchObject({ refusal: { cause: "manifest-invalid" } });
    }
    const other = { ...manifest, id: snapshotId({ ...lineage, sequence: 8 }) };
    expect(parseManifest(other)).toMatchObject({ refusal: { cause: "manifest-invalid" } });
  });
});
