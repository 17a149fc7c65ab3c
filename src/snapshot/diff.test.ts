import { join } from "node:path";
import Database from "better-sqlite3";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { diffDatabases } from "./diff.js";
import type { ConfigurationDiff, DiffOptions, RowDifference, TableDifference } from "./difference.js";
import { divergenceReport } from "./divergence-report.js";
import { isSecretVariable, mask, masked } from "./secrets.js";
import { copyOf, fixture, scratch } from "./test-fixtures.js";

const shop = fixture("2.7.1-shop");

async function tableOf(diff: Promise<ConfigurationDiff>, name: string): Promise<TableDifference> {
  const table = (await diff).tables.find((one) => one.table === name);
  if (table === undefined) throw new Error(`${name} does not differ`);
  return table;
}

/** The difference between two databases with one table of their own each. */
async function extra(
  a: string[],
  b: string[],
  options: DiffOptions = {},
): Promise<TableDifference | undefined> {
  const dir = scratch();
  const [first, second] = [copyOf("2.7.1-default", dir, ...a), copyOf("2.7.1-default", dir, ...b)];
  const { tables } = await diffDatabases(first, second, options);
  expect(tables.length).toBeLessThanOrEqual(1);
  return tables[0];
}

describe("diffDatabases", () => {
  it("finds nothing between equal configurations in different files", async () => {
    const vacuumed = join(scratch(), "vacuumed.db");
    new Database(shop, { readonly: true }).exec(`VACUUM INTO '${vacuumed}'`).close();

    const { equal, tables, compared } = await diffDatabases(shop, vacuumed);

    expect({ equal, tables }).toEqual({ equal: true, tables: [] });
    expect(compared).toHaveLength(19);
  });

  it("names rows by their key, and tells every column that changed", async () => {
    const dir = scratch();
    const b = copyOf(
      "2.7.1-shop",
      dir,
      "UPDATE mysql_servers SET weight = 7, comment = 'new' WHERE hostname = 'db1.example'",
      "DELETE FROM mysql_servers WHERE hostname = 'db2.example'",
      "INSERT INTO mysql_servers(hostgroup_id,hostname,port) VALUES (9,'db9',3307)",
    );

    const table = await tableOf(diffDatabases(shop, b), "mysql_servers");

    expect(table).toMatchObject({ in: "both", added: 1, removed: 1, changed: 1, omitted: 0 });
    expect(table.key).toEqual(["hostgroup_id", "hostname", "port"]);
    expect(table.rows.map(({ change, key }) => [change, ...Object.values(key)])).toEqual([
      ["added", 9, "db9", 3307],
      ["changed", 10, "db1.example", 3306],
      ["removed", 20, "db2.example", 3306],
    ]);
    expect(table.rows[1]).toMatchObject({
      row: null,
      columns: [
        { column: "weight", from: 1, to: 7 },
        { column: "comment", from: "dc1", to: "new" },
      ],
    });
    expect(table.rows[0]?.row).toMatchObject({ status: "ONLINE", weight: 1 });
  });

  it("tells variables by name, and which are each host's own", async () => {
    const change = (name: string): string =>
      `UPDATE global_variables SET variable_value = '77' WHERE variable_name = '${name}'`;
    const b = copyOf("2.7.1-shop", scratch(), change("mysql-threads"), change("mysql-max_connections"));
    const locals = async (options: DiffOptions): Promise<unknown[]> => {
      const { rows } = await tableOf(diffDatabases(shop, b, options), "global_variables");
      return rows.map(({ key, local }) => [key.variable_name, local]);
    };

    expect(await locals({})).toEqual([
      ["mysql-max_connections", false],
      ["mysql-threads", true],
    ]);
    expect(await locals({ keepLocal: ["mysql-max_conn*"] })).toEqual([
      ["mysql-max_connections", true],
      ["mysql-threads", false],
    ]);
  });

  it("calls columns the host's own only if nothing else of the row changed", async () => {
    const make = (arg: string, comment: string): string[] => [
      `INSERT INTO scheduler(id,interval_ms,filename,comment) VALUES (1,1000,'${arg}','${comment}')`,
    ];
    const options = { keepLocal: ["scheduler.filename"] };

    expect((await extra(make("/a", "x"), make("/b", "x"), options))?.rows[0]?.local).toBe(true);
    expect((await extra(make("/a", "x"), make("/b", "y"), options))?.rows[0]?.local).toBe(false);
  });

  it("counts rows of a table that has no key", async () => {
    const make = (...rows: number[]): string[] => [
      "CREATE TABLE extra (a, b)",
      ...rows.map((row) => `INSERT INTO extra VALUES (${row}, 'x')`),
    ];

    const table = await extra(make(1, 1, 1, 2), make(1, 3, 3));

    expect(table).toMatchObject({ key: [], added: 2, removed: 3, changed: 0 });
    expect(table?.rows.map(({ change, key, row }) => [change, key, row])).toEqual([
      ["removed", { a: 1, b: "x" }, {}],
      ["removed", { a: 1, b: "x" }, {}],
      ["removed", { a: 2, b: "x" }, {}],
      ["added", { a: 3, b: "x" }, {}],
      ["added", { a: 3, b: "x" }, {}],
    ]);
  });

  it("compares what two versions have in common, and tells what only one has", async () => {
    const wide = ["CREATE TABLE extra (a PRIMARY KEY, b, c)", "INSERT INTO extra VALUES (1, 2, 3)"];
    const other = ["CREATE TABLE extra (a PRIMARY KEY, b, d)", "INSERT INTO extra VALUES (1, 2, 4)"];
    expect(await extra(wide, other)).toMatchObject({
      columnsOnlyInA: ["c"],
      columnsOnlyInB: ["d"],
      rows: [],
    });
    expect(await extra([], wide)).toMatchObject({ in: "b", added: 1 });
    expect(await extra(wide, [])).toMatchObject({ in: "a", removed: 1 });
    const versions = await diffDatabases(fixture("2.7.1-shop"), fixture("3.0.0-alpha-shop"));
    expect(versions.tables.map(({ table }) => table)).toContain("pgsql_servers");
  });

  it("takes any name and any value for what it is", async () => {
    const name = `we"ird; DROP TABLE x--`;
    const quoted = `"${name.replaceAll('"', '""')}"`;
    const make = (value: string): string[] => [
      `CREATE TABLE ${quoted} (${quoted} PRIMARY KEY, __proto__)`,
      `INSERT INTO ${quoted} VALUES ('k', ${value})`,
    ];
    const change = async (from: string, to: string): Promise<unknown[]> => {
      const table = await extra(make(from), make(to));
      expect(table?.table).toBe(name);
      const [column] = table?.rows[0]?.columns ?? [];
      return [column?.from, column?.to];
    };

    expect(await change("1", "'1'")).toEqual([1, "1"]);
    expect(await change("9007199254740993", "9007199254740992")).toEqual([
      "9007199254740993",
      "9007199254740992",
    ]);
    expect(await change("x'6162'", "'ab'")).toEqual(["X'6162'", "ab"]);
    expect(await change("CAST(x'ff' AS TEXT)", "CAST(x'fe' AS TEXT)")).toEqual(["X'FF'", "X'FE'"]);
    expect(await change("NULL", "''")).toEqual([null, ""]);
    expect(await change("'A'", "'a'")).toEqual(["A", "a"]);
  });

  it("sees a difference of case in a column that compares without", async () => {
    const make = (value: string): string[] => [
      "CREATE TABLE extra (a VARCHAR COLLATE NOCASE PRIMARY KEY, b VARCHAR COLLATE NOCASE)",
      `INSERT INTO extra VALUES ('${value}', '${value}')`,
    ];

    expect(await extra(make("X"), make("x"))).toMatchObject({ added: 1, removed: 1 });
  });

  it("compares by rules where one side is not as it was saved", async () => {
    const dir = scratch();
    const b = copyOf(
      "2.7.1-shop",
      dir,
      "UPDATE mysql_users SET password = '*' || 'x', comment = 'other'",
      "INSERT INTO mysql_users(username,password,active) VALUES ('idle','p',0)",
      "DELETE FROM mysql_servers",
    );
    const hash = "*94BDCEBE19083CE2A1F959FD02F964C7AF4CFC29"; // of "test"
    const clear = copyOf("2.7.1-shop", dir, "UPDATE mysql_users SET password = 'test'");
    const hashed = copyOf("2.7.1-shop", dir, `UPDATE mysql_users SET password = '${hash}'`);
    const rule = { where: "active = 1", ignore: ["comment"], hashed: ["password"] };

    const { compared, tables } = await diffDatabases(shop, b, { only: { mysql_users: rule } });

    expect(compared).toEqual(["mysql_users"]);
    expect(tables[0]?.rows.map(({ columns }) => columns.map(({ column }) => column))).toEqual([["password"]]);
    expect((await diffDatabases(clear, hashed, { only: { mysql_users: rule } })).equal).toBe(true);
    expect((await diffDatabases(clear, hashed)).equal).toBe(false);
  });

  it("lists no more rows than it is told, and counts the others", async () => {
    const rows = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n WHERE i < 50)";
    const insert = `${rows} INSERT INTO mysql_servers(hostgroup_id,hostname) SELECT i,'x' FROM n`;

    expect(await extra([], [insert], { mostRows: 10 })).toMatchObject({ added: 50, omitted: 40 });
    expect((await extra([], [insert], { mostRows: 10 }))?.rows).toHaveLength(10);
  });

  it("names what cannot be compared", async () => {
    await expect(diffDatabases(shop, join(scratch(), "none.db"))).rejects.toMatchObject({ code: "not-done" });
  });

  it("tells exactly what makes one table of another, whatever is in them", { timeout: 60_000 }, async () => {
    await fc.assert(
      fc.asyncProperty(table, table, async (a, b) => {
        const difference = await extra(statements(a), statements(b));
        expect(applied(a, difference?.rows ?? [])).toEqual(sorted(b));
        expect(difference === undefined).toBe(JSON.stringify(sorted(a)) === JSON.stringify(sorted(b)));
      }),
      { numRuns: 100 },
    );
  });
});

type Row = readonly [number, string, string | null];
const table = fc.uniqueArray(
  fc.tuple(fc.nat(3), fc.constantFrom("a", "B", "é'", "�"), fc.constantFrom(null, "", "x", "\u0001\n")),
  { selector: ([one, two]) => `${one} ${two}`, maxLength: 8 },
);

function statements(rows: readonly Row[]): string[] {
  const text = (value: string | null): string =>
    value === null ? "NULL" : `'${value.replaceAll("'", "''")}'`;
  return [
    "CREATE TABLE extra (one INT, two VARCHAR, three VARCHAR, PRIMARY KEY (one, two))",
    ...rows.map(([one, two, three]) => `INSERT INTO extra VALUES (${one}, ${text(two)}, ${text(three)})`),
  ];
}

function sorted(rows: readonly Row[]): Row[] {
  return [...rows].sort((x, y) => (JSON.stringify(x) < JSON.stringify(y) ? -1 : 1));
}

function applied(rows: readonly Row[], differences: readonly RowDifference[]): Row[] {
  const now = new Map(rows.map((row) => [`${row[0]} ${row[1]}`, row]));
  for (const { change, key, row, columns } of differences) {
    const name = `${key.one} ${key.two}`;
    expect(now.has(name)).toBe(change !== "added");
    if (change === "changed") expect(columns[0]?.from).toBe(now.get(name)?.[2]);
    const three = (change === "added" ? row?.three : columns[0]?.to) as string | null;
    if (change === "removed") now.delete(name);
    else now.set(name, [Number(key.one), String(key.two), three]);
  }
  return sorted([...now.values()]);
}

describe("masked", () => {
  it("shows no secret, and that one changed", async () => {
    const secret = "hunter2";
    const b = copyOf(
      "2.7.1-shop",
      scratch(),
      `UPDATE mysql_users SET password = '${secret}', attributes = '{"additional_password":"${secret}"}'`,
      `INSERT INTO mysql_users(username,password) VALUES ('new','${secret}')`,
      `UPDATE global_variables SET variable_value = '${secret}' WHERE variable_name IN
         ('mysql-monitor_password','admin-admin_credentials','admin-cluster_password','mysql-ssl_p2s_key')`,
      `INSERT INTO scheduler(interval_ms,filename,arg1) VALUES (1000,'/x','--password=${secret}')`,
      `INSERT INTO mysql_servers_ssl_params(hostname,ssl_key) VALUES ('h','${secret}')`,
    );
    const diff = await diffDatabases(shop, b);
    expect(JSON.stringify(diff).split(secret)).toHaveLength(10);

    const shown = masked(diff);

    expect(JSON.stringify(shown)).not.toContain(secret);
    const users = shown.tables.find((one) => one.table === "mysql_users");
    expect(users?.rows[0]?.columns).toContainEqual({ column: "password", from: mask, to: mask });
    expect(users).toMatchObject({ added: 1, changed: 1 });
  });

  it("knows the variables that hold one, of every version", () => {
    const db = new Database(fixture("3.0.0-alpha-shop"), { readonly: true });
    const names = db.prepare("SELECT variable_name FROM global_variables").pluck().all().map(String);
    db.close();

    expect(names.filter(isSecretVariable).sort()).toEqual([
      "admin-admin_credentials",
      "admin-cluster_password",
      "admin-stats_credentials",
      "mysql-monitor_password",
      "mysql-ssl_p2s_key",
      "pgsql-monitor_password",
      "pgsql-ssl_p2s_key",
    ]);
  });
});

describe("divergenceReport", () => {
  it("tells what each side did since, and what both did", async () => {
    const dir = scratch();
    const set = (host: string, weight: number): string =>
      `UPDATE mysql_servers SET weight = ${weight} WHERE hostname = '${host}.example'`;
    const ours = copyOf("2.7.1-shop", dir, set("db1", 2), set("db2", 2), "DELETE FROM mysql_query_rules");
    const theirs = copyOf(
      "2.7.1-shop",
      dir,
      set("db1", 2),
      set("db2", 3),
      set("db3", 3),
      "UPDATE mysql_users SET password = 'x'",
    );

    const report = await divergenceReport({ base: shop, ours, theirs });

    const hosts = (diff: ConfigurationDiff | null): unknown =>
      diff?.tables.find(({ table: name }) => name === "mysql_servers")?.rows.map(({ key }) => key.hostname);
    expect(hosts(report.ours)).toEqual(["db1.example", "db2.example"]);
    expect(hosts(report.theirs)).toEqual(["db1.example", "db2.example", "db3.example"]);
    expect(hosts(report.between)).toEqual(["db2.example", "db3.example"]);
    expect(report.conflicts).toEqual([
      { table: "mysql_servers", key: { hostgroup_id: 20, hostname: "db2.example", port: 3306 } },
    ]);
    expect(JSON.stringify(report.theirs)).toContain(mask);
  });

  it("compares the two with each other if nothing common is left", async () => {
    const report = await divergenceReport({ base: null, ours: shop, theirs: fixture("2.7.1-halfsaved") });

    expect(report).toMatchObject({ ours: null, theirs: null, conflicts: [] });
    expect(report.between.tables[0]).toMatchObject({ table: "mysql_servers", removed: 3 });
  });
});
