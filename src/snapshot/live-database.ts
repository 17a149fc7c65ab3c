import Database from "better-sqlite3";
import type { TableRule } from "./difference.js";
import { columnList, identifier } from "./sql-text.js";

/** ProxySQL's admin as far as its runtime is read: every value comes as text, or NULL. */
export interface AdminReader {
  query(sql: string, deadlineMs?: number): Promise<readonly Readonly<Record<string, string | null>>[]>;
}

/** Tens of thousands of rows take a second. */
const deadlineMs = 60_000;

/** Columns that ProxySQL 2.7.1 does not keep in runtime as they were saved, and rows that do not get there at all. */
const users: TableRule = {
  where: "active = 1",
  ignore: ["default_schema", "attributes", "comment", "use_ssl"],
  hashed: ["password"],
};
const queryRules: TableRule = { where: "active = 1", ignore: ["digest", "re_modifiers"] };
const userTables = new Set(["mysql_users", "pgsql_users"]);
const rules: Readonly<Record<string, TableRule>> = {
  mysql_users: users,
  pgsql_users: users,
  mysql_query_rules: queryRules,
  pgsql_query_rules: queryRules,
};

interface LiveTable {
  readonly name: string;
  readonly columns: readonly { readonly name: string; readonly type: string }[];
  readonly key: readonly string[];
}

/**
 * Writes what a ProxySQL runs with now into a new database file, as far as it can be compared with what one has on
 * disk: the tables that have a runtime form, with types and keys of their own. Returns how each is to be compared.
 */
export async function writeLiveDatabase(
  admin: AdminReader,
  file: string,
): Promise<Readonly<Record<string, TableRule>>> {
  const tables = await liveTables(admin);
  const db = new Database(file);
  try {
    for (const table of tables) {
      const rows = await admin.query(
        `SELECT ${columnList(table.columns.map(({ name }) => name))} FROM main.${identifier(`runtime_${table.name}`)}`,
        deadlineMs,
      );
      fill(db, table, userTables.has(table.name) ? await joined(admin, table.name, rows) : rows);
    }
  } finally {
    db.close();
  }
  return Object.fromEntries(tables.map(({ name }) => [name, rules[name] ?? {}]));
}

/** Tables that are on disk, in memory and in runtime, with the columns that all of them have. */
async function liveTables(admin: AdminReader): Promise<LiveTable[]> {
  const shapes = await admin.query(
    "SELECT m.name AS table_name, c.name AS column_name, c.type AS column_type, c.pk AS key_position " +
      "FROM main.sqlite_master m JOIN pragma_table_info(m.name, 'main') c " +
      "WHERE m.type = 'table' AND m.name NOT LIKE 'sqlite%' ORDER BY m.name, c.cid",
    deadlineMs,
  );
  const saved = await admin.query("SELECT name FROM disk.sqlite_master WHERE type = 'table'", deadlineMs);
  const of = (table: string): typeof shapes => shapes.filter((row) => row.table_name === table);
  return saved.flatMap(({ name }): LiveTable[] => {
    const columns = of(name ?? "");
    const running = new Set(of(`runtime_${name}`).map((row) => row.column_name));
    const both = columns.filter((row) => running.has(row.column_name ?? null));
    if (both.length === 0) return [];
    const keyed = both.filter((row) => Number(row.key_position) > 0);
    return [
      {
        name: name ?? "",
        columns: both.map((row) => ({ name: row.column_name ?? "", type: row.column_type ?? "" })),
        key: keyed
          .sort((a, b) => Number(a.key_position) - Number(b.key_position))
          .map((row) => row.column_name ?? ""),
      },
    ];
  });
}

type Rows = Awaited<ReturnType<AdminReader["query"]>>;

/** The declared types make numbers of the texts again, as they are on disk. */
function fill(db: Database.Database, { name, columns, key }: LiveTable, rows: Rows): void {
  const declared = columns.map((column) => `${identifier(column.name)} ${affinityOf(column.type)}`);
  const primary = key.length === 0 ? [] : [`PRIMARY KEY (${columnList(key)})`];
  db.exec(`CREATE TABLE ${identifier(name)} (${[...declared, ...primary].join(", ")})`);
  const places = columns.map(() => "?").join(", ");
  const insert = db.prepare(`INSERT OR REPLACE INTO ${identifier(name)} VALUES (${places})`);
  db.transaction(() => {
    for (const row of rows) insert.run(columns.map((column) => row[column.name] ?? null));
  })();
}

/** As SQLite finds it in a declared type; the type's own text stays out of our statement. */
function affinityOf(type: string): string {
  if (/INT/i.test(type)) return "INTEGER";
  if (/CHAR|CLOB|TEXT/i.test(type)) return "TEXT";
  if (/REAL|FLOA|DOUB/i.test(type)) return "REAL";
  return type === "" ? "" : "NUMERIC";
}

/**
 * A user of clients and servers is one row in memory and two in runtime, one for each side: put together again unless
 * memory has two as well.
 */
async function joined(admin: AdminReader, table: string, rows: Rows): Promise<Rows> {
  const memory = await admin.query(
    `SELECT username, frontend, backend FROM main.${identifier(table)}`,
    deadlineMs,
  );
  const apart = new Set(memory.filter((row) => row.frontend !== row.backend).map((row) => row.username));
  const clientSide = new Set(rows.filter((row) => row.frontend === "1").map((row) => row.username));
  const serverSide = new Set(rows.filter((row) => row.backend === "1").map((row) => row.username));
  return rows.flatMap((row) => {
    const { username = null } = row;
    if (apart.has(username) || !clientSide.has(username) || !serverSide.has(username)) return [row];
    return row.backend === "1" ? [{ ...row, frontend: "1" }] : [];
  });
}
