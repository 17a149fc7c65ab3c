import Database from "better-sqlite3";
import type { AdminQuery } from "./apply.js";
import { fixture } from "./test-fixtures.js";

/** Which tables or variables each module moves, written down apart from `modules.ts`: facts of ProxySQL, section C. */
const moved: Record<string, string | RegExp> = {
  "MYSQL SERVERS":
    /^mysql_(servers|servers_ssl_params|hostgroup_attributes|((group_)?replication|galera|aws_aurora)_hostgroups)$/,
  "MYSQL USERS": /^mysql_(users|ldap_mapping)$/,
  "MYSQL QUERY RULES": /^mysql_query_rules(_fast_routing)?$/,
  "MYSQL FIREWALL": /^mysql_firewall_/,
  "PGSQL SERVERS": /^pgsql_(servers|hostgroup_attributes|replication_hostgroups)$/,
  "PGSQL USERS": /^pgsql_(users|ldap_mapping)$/,
  "PGSQL QUERY RULES": /^pgsql_query_rules(_fast_routing)?$/,
  "PGSQL FIREWALL": /^pgsql_firewall_/,
  SCHEDULER: /^scheduler$/,
  RESTAPI: /^restapi_routes$/,
  "PROXYSQL SERVERS": /^proxysql_servers$/,
  "MYSQL VARIABLES": "mysql-",
  "PGSQL VARIABLES": "pgsql-",
  "ADMIN VARIABLES": "admin-",
};

/** ProxySQL's admin over two real SQLite databases, main in memory and disk in a file, without a server around it. */
export class TestAdmin implements AdminQuery {
  readonly db = new Database(":memory:");
  readonly log: string[] = [];
  /** Called before each statement; what it throws is the statement's error. */
  before: (sql: string) => void = () => undefined;
  /** SAVE answers OK and does nothing, as after a rename of the file under ProxySQL's hands. */
  savesAreLost = false;

  constructor(disk: string) {
    this.db.prepare("ATTACH ? AS disk").run(disk);
    for (const { name, sql } of this.tables("disk")) {
      if (name === "global_settings") continue;
      this.db.exec(sql);
      this.db.exec(`INSERT INTO main.${name} SELECT * FROM disk.${name}`);
    }
  }

  query(sql: string): Promise<Record<string, string | null>[]> {
    return this.#answer(sql, () => {
      const rows = this.db.prepare(sql === "SHOW DATABASES" ? "PRAGMA database_list" : sql).all();
      return (rows as Record<string, unknown>[]).map(asText);
    });
  }

  exec(sql: string): Promise<void> {
    return this.#answer(sql, () => {
      const command = /^(LOAD|SAVE) (.+) TO (RUNTIME|DISK)$/.exec(sql);
      if (!command) return void this.db.prepare(sql).run();
      const what = moved[command[2] ?? ""];
      if (what === undefined) throw new Error(`ProxySQL Admin Error: near "${command[1]}": syntax error`);
      if (command[1] === "SAVE" && !this.savesAreLost) this.#save(what);
    });
  }

  /** The statements that were not merely read. */
  get effects(): string[] {
    return this.log.filter((sql) => !/^(SELECT|SHOW|ATTACH|DETACH)/.test(sql));
  }

  rows(layer: string, table: string): unknown[] {
    return this.db.prepare(`SELECT * FROM ${layer}.${table} ORDER BY 1, 2`).all();
  }

  variable(name: string, layer = "main"): unknown {
    const sql = `SELECT variable_value FROM ${layer}.global_variables WHERE variable_name = ?`;
    return this.db.prepare(sql).pluck().get(name);
  }

  tables(schema: string): { name: string; sql: string }[] {
    const sql = `SELECT name, sql FROM ${schema}.sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite%'`;
    return this.db.prepare(sql).all() as { name: string; sql: string }[];
  }

  #save(what: string | RegExp): void {
    if (typeof what === "string") {
      this.db.exec(`INSERT OR REPLACE INTO disk.global_variables
                    SELECT * FROM main.global_variables WHERE variable_name LIKE '${what}%'`);
      return;
    }
    for (const { name } of this.tables("main").filter((table) => what.test(table.name))) {
      this.db.exec(`DELETE FROM disk.${name}`);
      this.db.exec(`INSERT INTO disk.${name} SELECT * FROM main.${name}`);
    }
  }

  #answer<T>(sql: string, work: () => T): Promise<T> {
    if (/--|\/\*|;/.test(sql.replaceAll(/'[^']*'/g, ""))) throw new Error(`Not one plain statement: ${sql}`);
    this.log.push(sql);
    try {
      this.before(sql);
      return Promise.resolve(work());
    } catch (error) {
      return Promise.reject(error);
    }
  }
}

/** A database file's tables and rows, but for ids and versions that belong to one host. */
export function rowsOf(file: string, table: string): unknown[] {
  const db = new Database(file, { readonly: true });
  try {
    return db.prepare(`SELECT * FROM ${table} ORDER BY 1, 2`).all();
  } finally {
    db.close();
  }
}

/** Tables of rows that are shipped, in the order of their names. */
export function shippedTables(name: string): string[] {
  const db = new Database(fixture(name), { readonly: true });
  const sql = "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite%'";
  const all = db.prepare(sql).pluck().all() as string[];
  db.close();
  const own = ["global_variables", "global_settings", "mysql_collations", "proxysql_servers"];
  return all.filter((table) => !own.includes(table)).sort();
}

function asText(row: Record<string, unknown>): Record<string, string | null> {
  const values = Object.entries(row).map(([name, value]) => [name, value === null ? null : String(value)]);
  return Object.fromEntries(values);
}
