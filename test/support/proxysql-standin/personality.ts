import { existsSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import Database from "better-sqlite3";
import { HOSTGROUP_ATTRIBUTES_2_5, RUNTIME_TABLES, STATS_TABLES } from "./memory-tables.js";

/** One table as ProxySQL defines it: the text must equal `sqlite_master.sql` or the table is dropped at start. */
export interface TableDefinition {
  name: string;
  sql: string;
}

/** What a version of ProxySQL brings: its tables and the defaults of its variables. */
export interface Personality {
  version: string;
  /** Tables of proxysql.db, in the order ProxySQL creates them. */
  disk: TableDefinition[];
  /** Tables of `main`: those of the disk that it shares, and the runtime tables. */
  main: TableDefinition[];
  stats: TableDefinition[];
  /** Default variables in the order of a first start, for instance `mysql-threads`. */
  variables: Map<string, string>;
}

/** Where the recording's configuration differed from ProxySQL's defaults (lib/MySQL_Thread.cpp, ProxySQL_Admin.cpp). */
const DEFAULTS_NOT_RECORDED: ReadonlyMap<string, string> = new Map([
  ["admin-mysql_ifaces", "0.0.0.0:6032"],
  ["mysql-threads", "4"],
  ["mysql-interfaces", ""],
]);
const RECORDED_FOR: ReadonlyMap<string, string> = new Map([
  ["2.5.5", "2.7.1"],
  ["2.7.1", "2.7.1"],
  ["3.0.0", "3.0.0-alpha"],
  ["3.0.0-alpha", "3.0.0-alpha"],
]);

/** Loads the tables and defaults of a version from the recorded databases. Throws for a version without recording. */
export function loadPersonality(version: string): Personality {
  const recorded = RECORDED_FOR.get(version);
  if (recorded === undefined)
    throw new Error(`no recording of ProxySQL ${version}: use ${[...RECORDED_FOR.keys()]}`);
  const database = new Database(join(fixtures(), `proxysql-${recorded}-default.db`), { readonly: true });
  try {
    return build(version === "3.0.0" ? "3.0.0-alpha" : version, database);
  } finally {
    database.close();
  }
}

function build(version: string, database: Database.Database): Personality {
  const disk = diskTables(version, database);
  const runtime = RUNTIME_TABLES.map(toDefinition).filter((table) => hasSource(table.name, disk));
  const pgsql = disk.filter((table) => table.name.startsWith("pgsql_")).map(runtimeTwin);
  return {
    version,
    disk,
    main: [...disk.filter((table) => table.name !== "global_settings"), ...runtime, ...pgsql],
    stats: STATS_TABLES.map(toDefinition),
    variables: defaultVariables(version, database),
  };
}

function diskTables(version: string, database: Database.Database): TableDefinition[] {
  const statement = database.prepare<[], TableDefinition>(
    "SELECT name, sql FROM sqlite_master WHERE type='table' AND name NOT LIKE 'sqlite_%' ORDER BY rowid",
  );
  const tables = statement.all();
  if (!version.startsWith("2.5.")) return tables;
  return tables
    .filter((table) => table.name !== "mysql_servers_ssl_params")
    .map((table) =>
      table.name === "mysql_hostgroup_attributes" ? { ...table, sql: HOSTGROUP_ATTRIBUTES_2_5 } : table,
    );
}

function defaultVariables(version: string, database: Database.Database): Map<string, string> {
  const rows = database
    .prepare<[], { name: string; value: string }>(
      "SELECT variable_name AS name, variable_value AS value FROM global_variables ORDER BY rowid",
    )
    .all();
  const variables = new Map(rows.map((row) => [row.name, row.value]));
  for (const [name, value] of DEFAULTS_NOT_RECORDED) variables.set(name, value);
  variables.set("admin-version", version);
  return variables;
}

function toDefinition(sql: string): TableDefinition {
  return { name: /^CREATE TABLE (\w+)/.exec(sql)?.[1] ?? "", sql };
}

/** A runtime table exists when the table it shows does; those without one (checksums, core dumps) always do. */
function hasSource(name: string, disk: TableDefinition[]): boolean {
  if (!name.startsWith("runtime_mysql_")) return true;
  return disk.some((table) => `runtime_${table.name}` === name);
}

/** The recording has no runtime tables for PostgreSQL; ProxySQL defines them like their originals. */
function runtimeTwin(table: TableDefinition): TableDefinition {
  const name = `runtime_${table.name}`;
  return { name, sql: table.sql.replace(`CREATE TABLE ${table.name}`, `CREATE TABLE ${name}`) };
}

/** The compiled stand-in lies under build/, the fixtures do not: look upwards for them. */
function fixtures(): string {
  let folder = dirname(fileURLToPath(import.meta.url));
  while (folder !== dirname(folder)) {
    const candidate = join(folder, "test", "fixtures", "proxysql");
    if (existsSync(candidate)) return candidate;
    folder = dirname(folder);
  }
  throw new Error("test/fixtures/proxysql not found above the stand-in");
}
