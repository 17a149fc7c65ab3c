import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import Database from "better-sqlite3";
import { describe, expect, it } from "vitest";
import { inspectDatabase } from "./inspect.js";
import { type InstallOptions, installDatabase } from "./install.js";
import { defaultKeepLocal, parseKeepLocal } from "./keep-local.js";
import { rowsOf, shippedTables } from "./test-admin.js";
import { copyOf, fixture, scratch } from "./test-fixtures.js";

const user = process.getuid?.() === 0 ? 12_345 : (process.getuid?.() ?? 0);
const group = process.getuid?.() === 0 ? 12_346 : (process.getgid?.() ?? 0);

/** A stopped ProxySQL's directory and an unpacked snapshot. */
function host(local: string | null, snapshot: string): InstallOptions & { keepDir: string } {
  const dir = scratch();
  const [datadir, unpackedDir] = [join(dir, "data"), join(dir, "unpacked")];
  mkdirSync(datadir);
  mkdirSync(unpackedDir);
  if (local !== null) copyFileSync(local, join(datadir, "proxysql.db"));
  copyFileSync(snapshot, join(unpackedDir, "proxysql.db"));
  const keepLocal = parseKeepLocal(defaultKeepLocal);
  return { datadir, unpackedDir, owner: { uid: user, gid: group }, keepDir: join(dir, "kept"), keepLocal };
}

function value(file: string, name: string, table = "global_variables"): unknown {
  const db = new Database(file, { readonly: true });
  try {
    return db.prepare(`SELECT variable_value FROM ${table} WHERE variable_name = ?`).pluck().get(name);
  } finally {
    db.close();
  }
}

const peerChanges = [
  "UPDATE global_variables SET variable_value = 'peer' WHERE variable_name IN ('admin-mysql_ifaces','mysql-max_connections','admin-version')",
  "UPDATE global_settings SET variable_value = 'peer-uuid'",
  "INSERT INTO proxysql_servers(hostname) VALUES ('peer')",
];

describe("installDatabase", () => {
  it("replaces the configuration, keeps what is the host's own, and all definitions to the letter", async () => {
    const dir = scratch();
    const local = copyOf("2.7.1-default", dir, "INSERT INTO proxysql_servers(hostname) VALUES ('here')");
    const options = host(local, copyOf("2.7.1-shop", dir, ...peerChanges));
    const file = join(options.datadir, "proxysql.db");

    const installed = await installDatabase(options);

    expect(installed.warnings).toEqual([]);
    for (const table of shippedTables("2.7.1-shop"))
      expect(rowsOf(file, table)).toEqual(rowsOf(fixture("2.7.1-shop"), table));
    expect(value(file, "mysql-max_connections")).toBe("peer");
    for (const name of ["admin-mysql_ifaces", "admin-version"])
      expect(value(file, name)).toBe(value(local, name));
    expect(value(file, "uuid", "global_settings")).toBe(value(local, "uuid", "global_settings"));
    expect(rowsOf(file, "proxysql_servers")).toMatchObject([{ hostname: "here" }]);
    const [now, before] = [await inspectDatabase(file), await inspectDatabase(fixture("2.7.1-shop"))];
    expect(now.problems).toEqual([]);
    expect(now.definitions).toBe(before.definitions);
    const facts = statSync(file);
    expect([facts.mode & 0o777, facts.uid, facts.gid]).toEqual([0o600, user, group]);
    expect(readdirSync(options.datadir)).toEqual(["proxysql.db"]);
  });

  it("gives the shared digest of the snapshot, so that two nodes can be compared", async () => {
    const dir = scratch();
    const snapshot = copyOf("2.7.1-shop", dir, ...peerChanges);
    const options = host(fixture("2.7.1-default"), snapshot);

    await installDatabase(options);

    const installed = await inspectDatabase(join(options.datadir, "proxysql.db"));
    expect(installed.shared).toBe((await inspectDatabase(snapshot)).shared);
  });

  it("keeps the replaced files, a bounded number of them, the same ones once", async () => {
    const options = host(fixture("2.7.1-default"), fixture("2.7.1-shop"));
    const file = join(options.datadir, "proxysql.db");
    const { kept } = await installDatabase(options);
    expect(readFileSync(join(kept ?? "", "proxysql.db")).equals(readFileSync(fixture("2.7.1-default")))).toBe(
      true,
    );

    for (let i = 0; i < 7; i += 1) {
      copyFileSync(copyOf("2.7.1-shop", scratch(), `UPDATE mysql_servers SET weight = ${i}`), file);
      await installDatabase(options);
      copyFileSync(
        join(options.keepDir, readdirSync(options.keepDir).sort().at(-1) ?? "", "proxysql.db"),
        file,
      );
      await installDatabase(options);
    }

    expect(readdirSync(options.keepDir)).toHaveLength(5);
    expect(statSync(options.keepDir).mode & 0o777).toBe(0o700);
  });

  it("keeps nothing for good when a snapshot says it already, but still this host's own settings", async () => {
    const dir = scratch();
    const options = host(copyOf("2.7.1-default", dir), copyOf("2.7.1-shop", dir, ...peerChanges));
    await installDatabase({ ...options, keepDir: null });

    expect(existsSync(options.keepDir)).toBe(false);
    const file = join(options.datadir, "proxysql.db");
    expect(value(file, "admin-mysql_ifaces")).toBe(value(fixture("2.7.1-default"), "admin-mysql_ifaces"));
    expect(value(file, "mysql-max_connections")).toBe("peer");
  });

  it("does not let an old journal roll into the new file, and reads this host's settings through it", async () => {
    const local = copyOf("2.7.1-default", scratch());
    const options = host(local, copyOf("2.7.1-shop", scratch(), ...peerChanges));
    const file = join(options.datadir, "proxysql.db");
    const db = new Database(file);
    db.pragma("cache_size = 1");
    db.exec("BEGIN; UPDATE global_variables SET variable_value = 'torn'");
    const [torn, journal] = [readFileSync(file), readFileSync(`${file}-journal`)];
    db.exec("ROLLBACK");
    db.close();
    writeFileSync(file, torn);
    writeFileSync(`${file}-journal`, journal);
    writeFileSync(`${file}-wal`, "stale");

    await installDatabase(options);

    expect(value(file, "admin-mysql_ifaces")).toBe(value(local, "admin-mysql_ifaces"));
    expect(readdirSync(options.datadir)).toEqual(["proxysql.db"]);
    expect(rowsOf(file, "mysql_servers")).toHaveLength(3);
  });

  it("starts from nothing, without taking the peer's identity", async () => {
    const options = host(null, copyOf("2.7.1-shop", scratch(), ...peerChanges));
    const file = join(options.datadir, "proxysql.db");

    expect(await installDatabase(options)).toEqual({ kept: null, warnings: [] });

    expect(value(file, "admin-mysql_ifaces")).toBe("peer");
    expect(rowsOf(file, "global_settings")).toEqual([]);
    expect(rowsOf(file, "proxysql_servers")).toEqual([]);
  });

  it.each([
    ["torn", (bytes: Buffer): Buffer => bytes.subarray(0, 4096 * 20)],
    ["empty", (): Buffer => Buffer.alloc(0)],
    ["no database", (): Buffer => Buffer.from("x".repeat(9_000))],
  ])("replaces a database that is %s, keeps it aside, and says so", async (_, damage) => {
    const options = host(fixture("2.7.1-default"), fixture("2.7.1-shop"));
    const file = join(options.datadir, "proxysql.db");
    const damaged = damage(readFileSync(file));
    writeFileSync(file, damaged);

    const { kept, warnings } = await installDatabase(options);

    expect(warnings.join()).toContain("was damaged");
    expect(rowsOf(file, "mysql_servers")).toHaveLength(3);
    expect(readFileSync(join(kept ?? "", "proxysql.db")).equals(damaged)).toBe(true);
  });

  it("replaces the TLS files all together, or leaves them", async () => {
    const options = host(fixture("2.7.1-default"), fixture("2.7.1-shop"));
    const write = (dir: string, what: string, names: string[]): void => {
      for (const name of names) writeFileSync(join(dir, `proxysql-${name}.pem`), `${what} ${name}`);
    };
    const read = (): string[] =>
      ["ca", "cert", "key"].map((name) =>
        readFileSync(join(options.datadir, `proxysql-${name}.pem`), "utf8"),
      );
    write(options.datadir, "own", ["ca", "cert", "key"]);
    write(options.unpackedDir, "peer", ["ca", "cert"]);

    await installDatabase(options);
    expect(read()).toEqual(["own ca", "own cert", "own key"]);

    write(options.unpackedDir, "peer", ["key"]);
    await installDatabase(options);
    expect(read()).toEqual(["peer ca", "peer cert", "peer key"]);
    expect(statSync(join(options.datadir, "proxysql-key.pem")).mode & 0o777).toBe(0o600);
    expect(statSync(join(options.datadir, "proxysql-key.pem")).uid).toBe(user);
  });

  it("keeps columns of rows that are here already", async () => {
    const dir = scratch();
    const job = (id: number, file: string): string =>
      `INSERT INTO scheduler(id,interval_ms,filename) VALUES (${id},1000,'${file}')`;
    const options = {
      ...host(
        copyOf("2.7.1-shop", dir, job(1, "/here")),
        copyOf("2.7.1-shop", dir, job(1, "/peer"), job(2, "/peer")),
      ),
      keepLocal: parseKeepLocal([...defaultKeepLocal, "scheduler.filename"]),
    };

    await installDatabase(options);

    const rows = rowsOf(join(options.datadir, "proxysql.db"), "scheduler");
    expect(rows).toMatchObject([{ filename: "/here" }, { filename: "/peer" }]);
  });

  it("follows no link that stands where it writes", async () => {
    const options = host(fixture("2.7.1-default"), fixture("2.7.1-shop"));
    const victim = join(scratch(), "victim");
    writeFileSync(victim, "precious");
    symlinkSync(victim, join(options.datadir, `.proxysql.db.${process.pid}.tmp`));
    symlinkSync(victim, join(options.datadir, "proxysql.db-journal"));

    await installDatabase(options);

    expect(readFileSync(victim, "utf8")).toBe("precious");
    expect(existsSync(join(options.datadir, "proxysql.db-journal"))).toBe(false);
  });

  it("says what could not be done, and leaves the old database", async () => {
    const options = host(fixture("2.7.1-default"), fixture("2.7.1-shop"));
    writeFileSync(join(options.unpackedDir, "proxysql.db"), "no database");

    await expect(installDatabase(options)).rejects.toMatchObject({ code: "not-done" });
    await expect(
      installDatabase({ ...options, datadir: join(options.datadir, "none") }),
    ).rejects.toMatchObject({
      code: "not-done",
    });
    expect(
      readFileSync(join(options.datadir, "proxysql.db")).equals(readFileSync(fixture("2.7.1-default"))),
    ).toBe(true);
  });
});
