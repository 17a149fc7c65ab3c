import { execFileSync } from "node:child_process";
import { appendFileSync, chmodSync, copyFileSync, readdirSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import Database from "better-sqlite3";
import { describe, expect, it } from "vitest";
import { sha256Of } from "./hashing.js";
import { inspectDatabase } from "./inspect.js";
import { copyOf, fixture, scratch } from "./test-fixtures.js";

describe("inspectDatabase", () => {
  it("tells the tables, rows and pages of a database of the real ProxySQL", async () => {
    const inspection = await inspectDatabase(fixture("2.7.1-shop"));

    expect(inspection).toMatchObject({ isDatabase: true, problems: [], pages: 55, pageSize: 4096 });
    expect(inspection.tables.mysql_servers?.rows).toBe(3);
    expect(inspection.tables.mysql_users?.rows).toBe(1);
    expect(Object.keys(inspection.tables)).not.toContain("sqlite_sequence");
  });

  it("gives the same digests for the same rows in another file", async () => {
    const dir = scratch();
    const vacuumed = join(dir, "vacuumed.db");
    const source = new Database(copyOf("2.7.1-shop", dir, "DELETE FROM mysql_servers WHERE hostname='none'"));
    source.exec(`VACUUM INTO '${vacuumed}'`);
    source.close();

    const [a, b] = await Promise.all([inspectDatabase(fixture("2.7.1-shop")), inspectDatabase(vacuumed)]);

    expect(b.content).toBe(a.content);
    expect(b.definitions).toBe(a.definitions);
  });

  it("does not depend on the order in which rows were inserted", async () => {
    const dir = scratch();
    const rows = ["('a',1)", "('b',2)", "(NULL,3)"];
    const make = (order: number[]): string => {
      const values = order.map((i) => rows[i]).join(",");
      return copyOf("2.7.1-shop", dir, "CREATE TABLE extra (a, b)", `INSERT INTO extra VALUES ${values}`);
    };

    const [a, b] = [await inspectDatabase(make([0, 1, 2])), await inspectDatabase(make([2, 1, 0]))];

    expect(b.tables.extra?.content).toBe(a.tables.extra?.content);
  });

  it.each([
    ["NULL", "''"],
    ["1", "'1'"],
    ["1", "1.0"],
    ["'ab'", "x'6162'"],
    ["9007199254740993", "9007199254740992"],
    ["CAST(x'ff' AS TEXT)", "CAST(x'fe' AS TEXT)"],
    ["'a;t1:b'", "'a'"],
    ["1.5", "json_array('r', '1.5')"],
    [
      "1.5), (9223372036854775807), (9223372036854775807",
      "2.5), (9223372036854775807), (9223372036854775807",
    ],
    [
      "9223372036854775807), (9223372036854775807), (NULL",
      "9223372036854775807), (9223372036854775806), (NULL",
    ],
    ["x'6162'), ('ab'), (1.0), (1", "x'6162'), ('ab'), (1), (1"],
    ["CAST(x'ff' AS TEXT)", "'\uFFFD'"],
    ["'a' || char(0) || 'b'", "'a' || char(0) || 'c'"],
  ])("tells the value %s from %s", async (one, other) => {
    const dir = scratch();
    const make = (value: string): string =>
      copyOf("2.7.1-default", dir, "CREATE TABLE extra (a)", `INSERT INTO extra VALUES (${value})`);

    const [a, b] = [await inspectDatabase(make(one)), await inspectDatabase(make(other))];

    expect(b.tables.extra?.content).not.toBe(a.tables.extra?.content);
  });

  it.each([
    ["é\n", `${JSON.stringify(["é\n"])}\n`],
    ["\uFFFD", '[["t","EFBFBD"]]\n'],
  ])("writes the text %j as JSON, or its bytes if it could stand for others", async (text, written) => {
    const insert = `INSERT INTO extra VALUES ('${text}')`;
    const file = copyOf("2.7.1-default", scratch(), "CREATE TABLE extra (a)", insert);

    const inspection = await inspectDatabase(file);

    expect(inspection.tables.extra?.content).toBe(sha256Of(written));
  });

  it("reads bytes where texts should be", async () => {
    const dir = scratch();
    const make = (value: string): string =>
      copyOf("2.7.1-default", dir, "CREATE TABLE extra (a VARCHAR)", `INSERT INTO extra VALUES (${value})`);

    const [a, b, c] = await Promise.all(
      ["x'6162'", "x'6163'", "'ab'"].map((value) => inspectDatabase(make(value))),
    );

    expect(a?.problems).toEqual([]);
    expect(new Set([a, b, c].map((one) => one?.tables.extra?.content)).size).toBe(3);
  });

  it("sees what follows the last page", async () => {
    const file = copyOf("2.7.1-shop", scratch());
    appendFileSync(file, "x");

    expect(await inspectDatabase(file)).toMatchObject({
      isDatabase: true,
      problems: [expect.stringContaining("225281 bytes")],
    });
  });

  it("leaves the host's own items out of the shared digest, and nothing else", async () => {
    const dir = scratch();
    const local = [
      "UPDATE global_variables SET variable_value='9' WHERE variable_name IN ('mysql-threads','admin-version','mysql-ssl_p2s_ca')",
      "UPDATE global_settings SET variable_value='other'",
      "INSERT INTO proxysql_servers(hostname) VALUES ('here')",
    ];
    const before = await inspectDatabase(fixture("2.7.1-shop"));
    const otherHost = await inspectDatabase(copyOf("2.7.1-shop", dir, ...local));
    const changed = await inspectDatabase(
      copyOf(
        "2.7.1-shop",
        dir,
        "UPDATE global_variables SET variable_value='9' WHERE variable_name='mysql-max_connections'",
      ),
    );

    expect(otherHost.content).not.toBe(before.content);
    expect(otherHost.shared).toBe(before.shared);
    expect(changed.shared).not.toBe(before.shared);
  });

  it("leaves no file beside the one it looks into, and works where it may not write", async () => {
    const dir = scratch();
    const file = join(dir, "only.db");
    copyFileSync(fixture("2.7.1-shop"), file);
    chmodSync(file, 0o400);

    await inspectDatabase(file);

    expect(readdirSync(dir)).toEqual(["only.db"]);
  });

  it("refuses a write-ahead log instead of creating it", async () => {
    const dir = scratch();
    const file = copyOf("2.7.1-shop", dir, "PRAGMA journal_mode=WAL");
    const before = readdirSync(dir);

    const inspection = await inspectDatabase(file);

    expect(inspection.problems.join()).toContain("WAL");
    expect(readdirSync(dir)).toEqual(before);
  });

  it("reports files that are no database, and damage, as problems", async () => {
    const dir = scratch();
    const nothing = join(dir, "empty.db");
    const text = join(dir, "text.db");
    const short = join(dir, "short.db");
    writeFileSync(nothing, "");
    writeFileSync(text, "x".repeat(4096));
    copyFileSync(fixture("2.7.1-shop"), short);
    truncateSync(short, 4096 * 20);

    expect(await inspectDatabase(nothing)).toMatchObject({ isDatabase: false });
    expect(await inspectDatabase(text)).toMatchObject({ isDatabase: false });
    const damaged = await inspectDatabase(short);
    expect(damaged.isDatabase).toBe(true);
    expect(damaged.problems.length).toBeGreaterThan(0);
  });

  it("names a file that is not there, or is not for us to read", async () => {
    const dir = scratch();

    await expect(inspectDatabase(join(dir, "none.db"))).rejects.toMatchObject({ code: "snapshot-missing" });
    await expect(inspectDatabase(dir)).rejects.toMatchObject({ code: "not-done" });
  });

  it("agrees with the sqlite3 program on what is in a table, where that is installed", async () => {
    const counted = rowsBySqlite3(fixture("2.7.1-shop"));
    if (counted === undefined) return;

    expect((await inspectDatabase(fixture("2.7.1-shop"))).tables.global_variables?.rows).toBe(counted);
  });
});

function rowsBySqlite3(file: string): number | undefined {
  try {
    return Number(
      execFileSync("sqlite3", ["-readonly", file, "SELECT COUNT(*) FROM global_variables"]).toString(),
    );
  } catch {
    return undefined;
  }
}
