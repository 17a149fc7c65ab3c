import { execFileSync } from "node:child_process";
import {
  chownSync,
  copyFileSync,
  existsSync,
  linkSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import Database from "better-sqlite3";
import { describe, expect, it } from "vitest";
import { definitionsOf } from "./definitions.js";
import { inspectDatabase } from "./inspect.js";
import type { Manifest } from "./manifest.js";
import { refusalOf } from "./refusal.js";
import { openStore } from "./store.js";
import { type AdminVacuum, type Taken, type TakeOptions, takeSnapshot } from "./take.js";
import { fixture, scratch } from "./test-fixtures.js";
import { verifyUnpacked } from "./verify.js";

/** A node's directories with ProxySQL's files in them. */
function node(name = "2.7.1-shop"): TakeOptions {
  const state = scratch();
  const datadir = scratch();
  copyFileSync(fixture(name), join(datadir, "proxysql.db"));
  return {
    via: null,
    datadir,
    staging: join(state, "staging"),
    store: openStore(state),
    lineage: { epoch: 1, sequence: 1, node: "a" },
    ancestry: [],
    proxysqlVersion: "2.7.1",
  };
}

/** What `VACUUM disk INTO` does, with the real SQLite. */
function admin(datadir: string): AdminVacuum {
  return {
    async vacuumInto(path): Promise<void> {
      const db = new Database(join(datadir, "proxysql.db"));
      db.prepare("VACUUM INTO ?").run(path);
      db.close();
    },
  };
}

function admitted(taken: Taken): Extract<Taken, { unchanged: false }> {
  if (taken.unchanged) throw new Error("The snapshot was taken for unchanged.");
  return taken;
}

describe("takeSnapshot", () => {
  it.each(["admin", "file"] as const)(
    "takes a whole, verified snapshot (%s), and leaves nothing behind",
    async (method) => {
      const options = node();
      const via = method === "admin" ? admin(options.datadir) : null;
      for (const name of ["key", "cert", "ca"])
        writeFileSync(join(options.datadir, `proxysql-${name}.pem`), name);

      const { manifest, stored } = admitted(await takeSnapshot({ ...options, via }));

      const to = scratch();
      await options.store.unpack(stored.id, to);
      expect(await verifyUnpacked(to, manifest)).toMatchObject({ ok: true });
      expect(manifest).toMatchObject({
        method,
        proxysqlVersion: "2.7.1",
        lineage: { epoch: 1, sequence: 1 },
      });
      expect(readFileSync(join(to, "proxysql-key.pem"), "utf8")).toBe("key");
      expect((await inspectDatabase(join(to, "proxysql.db"))).content).toBe(
        (await inspectDatabase(fixture("2.7.1-shop"))).content,
      );
      expect(readdirSync(options.staging)).toEqual([]);
      expect(stored.box).toBe("outbox");
    },
  );

  it("keeps nothing if nothing changed, whichever way it was taken, and something if a TLS file did", async () => {
    const options = node();
    const { manifest } = admitted(await takeSnapshot(options));
    const next = { ...options, lineage: { epoch: 1, sequence: 2, node: "a" }, before: manifest };

    expect(await takeSnapshot(next)).toEqual({ unchanged: true, warnings: [] });
    expect(await takeSnapshot({ ...next, via: admin(options.datadir) })).toEqual({
      unchanged: true,
      warnings: [],
    });
    expect(await options.store.list()).toHaveLength(1);
    expect(admitted(await takeSnapshot({ ...next, evenIfUnchanged: true })).manifest.content).toBe(
      manifest.content,
    );
    for (const name of ["key", "cert", "ca"])
      writeFileSync(join(options.datadir, `proxysql-${name}.pem`), name);
    const after = { ...next, lineage: { epoch: 1, sequence: 3, node: "a" } };
    expect(admitted(await takeSnapshot(after)).manifest.tls).toHaveLength(3);
  });

  it("quarantines the half state of a SAVE instead of shipping it", async () => {
    const options = node("2.7.1-halfsaved");

    const error: unknown = await takeSnapshot(options).catch((thrown: unknown) => thrown);

    expect(refusalOf(error)).toMatchObject({ cause: "suspiciously-empty" });
    expect(await options.store.list()).toEqual([]);
    expect(readdirSync(options.staging)).toEqual([]);
    const { kept } = (error as { fields: { kept: string } }).fields;
    expect(readdirSync(kept).sort()).toEqual(["cause.json", "proxysql.db"]);
    expect(
      admitted(await takeSnapshot({ ...options, accept: true })).manifest.tables.mysql_servers?.rows,
    ).toBe(0);
  });

  it("refuses what this host's ProxySQL would drop", async () => {
    const options = node();
    const definitions = definitionsOf(await inspectDatabase(fixture("2.7.1-default")), "2.7.1");
    new Database(join(options.datadir, "proxysql.db"))
      .exec("ALTER TABLE mysql_users ADD COLUMN extra")
      .close();

    const error: unknown = await takeSnapshot({ ...options, definitions }).catch((thrown: unknown) => thrown);

    expect(refusalOf(error)).toMatchObject({ cause: "definitions-differ" });
  });

  it("does not ship what changed although nobody wrote to it: a lost bit is no edit", async () => {
    const options = node();
    const { manifest } = admitted(await takeSnapshot(options));
    const file = join(options.datadir, "proxysql.db");
    const next = { ...options, lineage: { epoch: 1, sequence: 2, node: "a" }, before: manifest };
    const damage = (): void => {
      const { atime, mtime } = statSync(file);
      // In the table and in its index, which integrity_check compares.
      const text = readFileSync(file).toString("latin1").replaceAll("db1.example", "db5.example");
      writeFileSync(file, text, "latin1");
      utimesSync(file, atime, mtime);
    };
    utimesSync(file, new Date(1_000_000), new Date(1_000_000));
    const { manifest: before } = admitted(await takeSnapshot({ ...next, evenIfUnchanged: true }));
    damage();

    const error: unknown = await takeSnapshot({ ...next, before }).catch((thrown: unknown) => thrown);
    expect(refusalOf(error)).toMatchObject({
      cause: "content-differs",
      sentence: expect.stringMatching(/^mysql_servers was not written to/),
    });
    // What a peer took is no measure, and neither is a file that somebody wrote to.
    const third = { epoch: 1, sequence: 3, node: "a" };
    const elsewhere = { ...before, lineage: { ...before.lineage, node: "b" } };
    expect(await takeSnapshot({ ...next, before: elsewhere, lineage: third })).toMatchObject({
      unchanged: false,
    });
    new Database(file).exec("UPDATE mysql_servers SET weight = 5").close();
    const later = { epoch: 1, sequence: 4, node: "a" };
    expect(await takeSnapshot({ ...next, before, lineage: later })).toMatchObject({ unchanged: false });
  });

  it("does not ship a TLS file that nobody wrote to and that is another one now", async () => {
    const options = node();
    const names = ["key", "cert", "ca"].map((name) => join(options.datadir, `proxysql-${name}.pem`));
    const write = (text: string): void => {
      for (const name of names) {
        writeFileSync(name, text);
        utimesSync(name, new Date(1_000_000), new Date(1_000_000));
      }
    };
    write("pem");
    const { manifest: before } = admitted(await takeSnapshot(options));
    write("peM");

    const error: unknown = await takeSnapshot({ ...options, before }).catch((thrown: unknown) => thrown);

    expect(refusalOf(error)).toMatchObject({ cause: "tls-differs" });
  });

  it("remembers in the manifest what was accepted to be empty, for as long as it is", async () => {
    const options = node();
    const { manifest: full } = admitted(await takeSnapshot(options));
    const file = join(options.datadir, "proxysql.db");
    const edit = (sql: string): void => void new Database(file).exec(sql).close();
    const take = (sequence: number, before: Manifest, accept = false): Promise<Taken> =>
      takeSnapshot({ ...options, lineage: { epoch: 1, sequence, node: "a" }, before, accept });
    edit("DELETE FROM mysql_servers");

    const held: unknown = await take(2, full).catch((thrown: unknown) => thrown);
    expect(refusalOf(held)).toMatchObject({
      cause: "suspiciously-empty",
      sentence: expect.stringContaining("proxysql-carp snapshot verify --accept"),
    });
    const { manifest: empty } = admitted(await take(2, full, true));
    edit("UPDATE mysql_users SET comment = 'later'");
    const { manifest: later } = admitted(await take(3, empty));
    edit("INSERT INTO mysql_servers(hostgroup_id,hostname) VALUES (1,'back')");
    const { manifest: back } = admitted(await take(4, later));

    expect([full, empty, later, back].map(({ accepted }) => accepted.mysql_servers)).toEqual([
      undefined,
      3,
      3,
      undefined,
    ]);
    // Empty before already: a receiver may have rows in it.
    expect(empty.accepted).toMatchObject({ mysql_galera_hostgroups: 0 });
    expect(empty.accepted).not.toHaveProperty("mysql_users");
    // A receiver that has the full one and missed what was accepted.
    const to = scratch();
    await options.store.unpack(later.id, to);
    expect(await verifyUnpacked(to, later, { before: full })).toMatchObject({ ok: true });
    expect(await verifyUnpacked(to, { ...later, accepted: {} }, { before: full })).toMatchObject({
      refusal: { cause: "suspiciously-empty" },
    });
    expect(readdirSync(join(dirname(options.staging), "quarantine"))).toEqual([]);
  });

  it("accepts the half state too, when there is nothing before it", async () => {
    const options = node("2.7.1-halfsaved");

    const { manifest, stored } = admitted(await takeSnapshot({ ...options, accept: true }));

    expect(manifest.accepted).toMatchObject({ mysql_servers: 0 });
    const to = scratch();
    await options.store.unpack(stored.id, to);
    expect(await verifyUnpacked(to, manifest)).toMatchObject({ ok: true });
  });

  it("leaves an incomplete TLS triple out, and says so", async () => {
    const options = node();
    writeFileSync(join(options.datadir, "proxysql-key.pem"), "key");
    writeFileSync(join(options.datadir, "proxysql-ca.pem"), "");

    const { manifest, warnings } = admitted(await takeSnapshot(options));

    expect(manifest.tls).toEqual([]);
    expect(warnings.join()).toContain("proxysql-ca.pem and no proxysql-cert.pem");
  });

  it.skipIf(process.getuid?.() !== 0)("takes no secret of root's for a key (as root only)", async () => {
    const options = node();
    const secret = join(scratch(), "secret");
    writeFileSync(secret, "root only", { mode: 0o600 });
    chownSync(options.datadir, 12_345, 12_345);
    const names = ["key", "cert", "ca"].map((name) => join(options.datadir, `proxysql-${name}.pem`));
    for (const name of names) writeFileSync(name, "pem", { mode: 0o644 });
    expect(admitted(await takeSnapshot(options)).manifest.tls).toHaveLength(3);
    rmSync(names[0] ?? "");
    const next = { ...options, lineage: { epoch: 1, sequence: 2, node: "a" } };
    linkSync(secret, names[0] ?? "");
    await expect(takeSnapshot(next)).rejects.toThrow("not readable for the owner");
    rmSync(names[0] ?? "");
    symlinkSync(secret, names[0] ?? "");
    await expect(takeSnapshot(next)).rejects.toThrow("no plain file");
    rmSync(names[0] ?? "");
    execFileSync("mkfifo", [names[0] ?? ""]);
    await expect(takeSnapshot(next)).rejects.toThrow("no plain file");
  });

  it("rolls back what a crash left half written before it copies", async () => {
    const options = node();
    const file = join(options.datadir, "proxysql.db");
    leaveHotJournal(file);
    const torn = join(scratch(), "torn.db");
    copyFileSync(file, torn);
    expect((await inspectDatabase(torn)).content).not.toBe(
      (await inspectDatabase(fixture("2.7.1-shop"))).content,
    );

    const { manifest } = admitted(await takeSnapshot(options));

    expect(manifest.tables.mysql_servers?.rows).toBe(3);
    // It is the copy that was rolled back: root writes nothing where ProxySQL's user could have put a link.
    expect(existsSync(`${file}-journal`)).toBe(true);
  });

  it("names a missing database, and passes on why the admin did not do it", async () => {
    const options = node();
    const via: AdminVacuum = { vacuumInto: () => Promise.reject(new Error("no admin")) };

    await expect(takeSnapshot({ ...options, via })).rejects.toThrow("no admin");
    rmSync(join(options.datadir, "proxysql.db"));
    await expect(takeSnapshot(options)).rejects.toMatchObject({ code: "snapshot-missing" });
    expect(readdirSync(options.staging)).toEqual([]);
  });
});

/** Copies a database and its journal while a transaction has been spilled to the file: what a power cut leaves. */
function leaveHotJournal(file: string): void {
  const db = new Database(file);
  db.pragma("cache_size = 1");
  db.exec(
    "BEGIN; DELETE FROM mysql_servers; UPDATE global_variables SET variable_value = variable_value || 'x'",
  );
  const [torn, journal] = [readFileSync(file), readFileSync(`${file}-journal`)];
  db.exec("ROLLBACK");
  db.close();
  writeFileSync(file, torn);
  writeFileSync(`${file}-journal`, journal);
}
