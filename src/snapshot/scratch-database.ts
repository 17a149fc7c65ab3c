import Database from "better-sqlite3";
import { KnownError, sentenceOf } from "../platform/errors.js";
import { sha256Of } from "./hashing.js";
import type { Manifest } from "./manifest.js";

/** Where a scratch ProxySQL may listen: Unix sockets below its own directory, and nowhere else. */
export interface ScratchSockets {
  readonly admin: string;
  readonly client: string;
  /** For listeners that are opened and not used: each a name of its own. */
  other(name: string): string;
}

/** Logins made for one drill, `name:password`. */
export interface ScratchLogins {
  readonly admin: string;
  readonly stats: string;
}

/**
 * Tables of things that ProxySQL does by itself: jobs, programs behind its REST interface, other ProxySQLs it copies
 * from. A drill loads none of them. `global_settings` is the identity that it shows to others.
 */
export const emptiedTables: readonly string[] = [
  "scheduler",
  "restapi_routes",
  "proxysql_servers",
  "global_settings",
];

/**
 * The variables that a scratch ProxySQL gets instead of the snapshot's: every listener there is in ProxySQL 2.5 to 3.0
 * (a missing one would be opened at its default, where the real ProxySQL listens; its admin asks SO_REUSEPORT, so that
 * nobody would notice), every file it writes, everything that connects to servers by itself, and the logins. Variables
 * that a version does not know do no harm: it ignores them.
 */
export function scratchVariables(sockets: ScratchSockets, logins: ScratchLogins): Record<string, string> {
  return {
    "admin-mysql_ifaces": sockets.admin,
    "admin-pgsql_ifaces": sockets.other("pgsql-admin"),
    "mysql-interfaces": sockets.client,
    "pgsql-interfaces": sockets.other("pgsql"),
    "sqliteserver-mysql_ifaces": sockets.other("sqlite"),
    "clickhouse-mysql_ifaces": sockets.other("clickhouse"),
    "admin-telnet_admin_ifaces": "",
    "admin-telnet_stats_ifaces": "",
    "admin-restapi_enabled": "false",
    "admin-web_enabled": "false",
    "admin-admin_credentials": logins.admin,
    "admin-stats_credentials": logins.stats,
    "admin-cluster_username": "",
    "admin-cluster_password": "",
    "admin-read_only": "false",
    "admin-ssl_keylog_file": "",
    "mysql-monitor_enabled": "false",
    "pgsql-monitor_enabled": "false",
    "mysql-eventslog_filename": "",
    "mysql-auditlog_filename": "",
    "pgsql-eventslog_filename": "",
    "pgsql-auditlog_filename": "",
  };
}

/** The table's text in every ProxySQL from 2.5 to 3.0. */
const variablesDefinition =
  "CREATE TABLE global_variables (variable_name VARCHAR NOT NULL PRIMARY KEY , variable_value VARCHAR NOT NULL)";

/**
 * True if ProxySQL will read its variables from a database of this manifest. It drops a table that is defined in other
 * words than its own, and would then listen where the real one does. `definitions` are what this host's ProxySQL has
 * told of itself, if it has.
 */
export function keepsItsVariables(
  { tables }: Pick<Manifest, "tables">,
  definitions: Readonly<Record<string, string>> | undefined,
): boolean {
  const expected = definitions?.global_variables ?? sha256Of(variablesDefinition);
  return tables.global_variables?.definition === expected;
}

/** More users than this are not kept in memory for `tell` to look through. */
const secretLimit = 10_000;

/** A copy of a snapshot's database, made so that a ProxySQL started from it touches nothing outside its directory. */
export interface ScratchDatabase {
  /**
   * The text if none of the database's passwords and credentials is part of it, else undefined: ProxySQL's last words
   * help to see why it ended, and nobody promises what is in them.
   */
  tell(text: string): string | undefined;
}

/** Makes a copy harmless. Rows only: definitions stay to the letter. */
export function makeHarmless(database: string, variables: Readonly<Record<string, string>>): ScratchDatabase {
  const db = new Database(database, { fileMustExist: true });
  try {
    // A scratch copy has nothing to lose in a power cut.
    db.pragma("synchronous = OFF");
    const present = db
      .prepare("SELECT name FROM sqlite_master WHERE type = 'table'")
      .pluck()
      .all() as string[];
    const set = db.prepare(
      "INSERT OR REPLACE INTO global_variables (variable_name, variable_value) VALUES (?, ?)",
    );
    db.transaction(() => {
      for (const table of emptiedTables) if (present.includes(table)) db.exec(`DELETE FROM ${table}`);
      for (const [name, value] of Object.entries(variables)) set.run(name, value);
    })();
    const secrets = secretsIn(db, present);
    return {
      tell: (text) => (secrets.length > secretLimit || holdsAny(text, secrets) ? undefined : text),
    };
  } catch (error) {
    const message = `${database} could not be made ready for a drill: ${sentenceOf(error)}`;
    throw new KnownError("not-done", message, {}, error);
  } finally {
    db.close();
  }
}

function secretsIn(db: Database.Database, tables: readonly string[]): string[] {
  const users = ["mysql_users", "pgsql_users"].filter((table) => tables.includes(table));
  const passwords = users.flatMap(
    (table) =>
      db
        .prepare(`SELECT password FROM ${table} WHERE password <> '' LIMIT ${secretLimit + 1}`)
        .pluck()
        .all() as string[],
  );
  const variables = db
    .prepare(
      "SELECT variable_value FROM global_variables WHERE variable_name LIKE '%password' OR variable_name LIKE '%credentials'",
    )
    .pluck()
    .all() as string[];
  // Credentials are written `user:password;user:password`.
  const parts = variables.flatMap((value) => value.split(";").map((one) => one.slice(one.indexOf(":") + 1)));
  return [...passwords, ...parts].filter((part) => part !== "");
}

function holdsAny(text: string, secrets: readonly string[]): boolean {
  return secrets.some((secret) => text.includes(secret));
}
