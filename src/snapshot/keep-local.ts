import { KnownError } from "../platform/errors.js";

/**
 * What belongs to one host and is not taken from the peer: ProxySQL's own list of what its cluster never syncs
 * (include/proxysql_glovars.hpp), and beyond it file paths, thread counts and the logins that this host's agent uses.
 */
export const defaultKeepLocal: readonly string[] = [
  "admin-mysql_ifaces",
  "admin-pgsql_ifaces",
  "admin-restapi_port",
  "admin-telnet_admin_ifaces",
  "admin-telnet_stats_ifaces",
  "admin-web_port",
  "admin-ssl_keylog_file",
  "admin-admin_credentials",
  "admin-stats_credentials",
  "admin-cluster_username",
  "admin-cluster_password",
  "mysql-interfaces",
  "mysql-threads",
  "mysql-stacksize",
  "mysql-eventslog_filename",
  "mysql-auditlog_filename",
  "mysql-ssl_p2s_*",
  "pgsql-interfaces",
  "pgsql-threads",
  "pgsql-stacksize",
  "pgsql-eventslog_filename",
  "pgsql-auditlog_filename",
  "pgsql-ssl_p2s_*",
  "sqliteserver-mysql_ifaces",
  "clickhouse-mysql_ifaces",
  "proxysql_servers",
  "global_settings",
];

/** ProxySQL's version is written into the variables as well. It describes the program, not its configuration. */
const neverTaken = ["admin-version"];

/** The configured list, sorted by what an entry names. */
export interface KeepLocal {
  /** Variable names; `*` stands for any run of characters. */
  readonly variables: readonly string[];
  readonly tables: ReadonlySet<string>;
  /** By table: columns that keep their value in rows that are here already. */
  readonly columns: ReadonlyMap<string, ReadonlySet<string>>;
}

const variableEntry = /^[a-z0-9]+-[A-Za-z0-9_*-]+$/;
const tableEntry = /^[A-Za-z_][A-Za-z0-9_]*$/;
const columnEntry = /^([A-Za-z_][A-Za-z0-9_]*)\.([A-Za-z_][A-Za-z0-9_]*)$/;

/** What is wrong with an entry of `keep_local`, or undefined. */
export function keepLocalProblem(entry: string): string | undefined {
  if (variableEntry.test(entry) || tableEntry.test(entry) || columnEntry.test(entry)) return undefined;
  return "expected a variable (`mysql-threads`, `mysql-ssl_p2s_*`), a table (`proxysql_servers`) or a column (`scheduler.filename`)";
}

/** Reads the entries of `keep_local`; the first that is none of the three forms is a `config-invalid` error. */
export function parseKeepLocal(entries: readonly string[]): KeepLocal {
  const variables = [...neverTaken];
  const tables = new Set<string>();
  const columns = new Map<string, Set<string>>();
  for (const entry of entries) {
    const problem = keepLocalProblem(entry);
    if (problem !== undefined)
      throw new KnownError("config-invalid", `keep_local: ${problem}, found "${entry}".`);
    const column = columnEntry.exec(entry);
    if (column) {
      const [, table = "", name = ""] = column;
      columns.set(table, (columns.get(table) ?? new Set()).add(name));
    } else if (variableEntry.test(entry)) {
      variables.push(entry);
    } else {
      tables.add(entry);
    }
  }
  return { variables, tables, columns };
}

/** True if this host keeps its own value of a variable. */
export function keepsVariable(keep: KeepLocal, name: string): boolean {
  return keep.variables.some((pattern) => globMatches(pattern, name));
}

/**
 * A condition in SQL that is true for the variables this host keeps. SQLite's GLOB and `keepsVariable` agree because
 * entries can hold none of GLOB's other special characters.
 */
export function keptVariablesCondition(keep: KeepLocal, column: string): string {
  const exact = keep.variables.filter((pattern) => !pattern.includes("*"));
  const globs = keep.variables.filter((pattern) => pattern.includes("*"));
  const conditions = globs.map((pattern) => `${column} GLOB '${pattern}'`);
  if (exact.length > 0) conditions.unshift(`${column} IN (${exact.map((name) => `'${name}'`).join(",")})`);
  return `(${conditions.join(" OR ")})`;
}

function globMatches(pattern: string, name: string): boolean {
  const parts = pattern.split("*");
  if (parts.length === 1) return pattern === name;
  const first = parts[0] ?? "";
  const last = parts.at(-1) ?? "";
  if (!name.startsWith(first) || !name.endsWith(last) || name.length < first.length + last.length)
    return false;
  let at = first.length;
  for (const part of parts.slice(1, -1)) {
    const found = name.indexOf(part, at);
    if (found < 0 || found + part.length > name.length - last.length) return false;
    at = found + part.length;
  }
  return true;
}
