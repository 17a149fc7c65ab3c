import { type ChecksumLine, checksumOf } from "./checksums.js";
import { asChecked, Hostgroups } from "./hostgroups.js";
import type { SqlConnection, SqlValue } from "./layers.js";
import { log } from "./log.js";
import type { Module } from "./modules.js";
import { NO_POISON, takePoison } from "./poison.js";
import { literal } from "./sql-text.js";
import { traceServers } from "./traces.js";

/** Which rows of a memory table reach the runtime, and in which order (lib/ProxySQL_Admin.cpp, MySQL_HostGroups_Manager.h:65). */
const TAKEN: ReadonlyMap<string, string> = new Map([
  ["pgsql_servers", "WHERE UPPER(status)<>'OFFLINE_HARD' ORDER BY hostgroup_id, hostname, port"],
  ["mysql_query_rules", "WHERE active=1 ORDER BY rule_id"],
  ["pgsql_query_rules", "WHERE active=1 ORDER BY rule_id"],
  ["proxysql_servers", "ORDER BY hostname, port"],
]);
/** Variables that only a start applies, and one that never changes (lib/MySQL_Thread.cpp:1754,2046). */
const FIXED = new Set([
  "admin-version",
  "mysql-interfaces",
  "mysql-threads",
  "mysql-stacksize",
  "pgsql-threads",
]);
const CHECKSUMS_2_7 = [
  "admin_variables",
  "mysql_query_rules",
  "mysql_servers",
  "mysql_users",
  "mysql_variables",
  "proxysql_servers",
  "mysql_servers_v2",
];
const CHECKSUMS_3_0 = ["pgsql_query_rules", "pgsql_servers", "pgsql_users", "pgsql_variables"];

/** The configuration in effect: neither memory nor disk, and lost when it was not saved. */
export class Runtime {
  readonly variables: Map<string, string>;
  readonly checksums = new Map<string, ChecksumLine>();
  readonly servers = new Hostgroups();
  readonly #tables = new Map<string, SqlValue[][]>();
  readonly #defaults: ReadonlyMap<string, string>;
  #poison = NO_POISON;

  constructor(defaults: ReadonlyMap<string, string>, withPgsql: boolean) {
    this.#defaults = defaults;
    this.variables = new Map(defaults);
    const names = withPgsql ? [...CHECKSUMS_2_7, ...CHECKSUMS_3_0] : CHECKSUMS_2_7;
    for (const name of names) this.checksums.set(name, { version: 0, epoch: 0, checksum: "" });
  }

  /** Forgets content but not the version counters, as PROXYSQL STOP does. */
  clear(): void {
    this.#tables.clear();
    this.servers.clear();
    traceServers("stop", []);
    this.#poison = NO_POISON;
    this.variables.clear();
    for (const [name, value] of this.#defaults) this.variables.set(name, value);
  }

  /** The servers in effect keep the client port closed. */
  get deaf(): boolean {
    return this.#poison.deaf;
  }

  rows(table: string): SqlValue[][] {
    return table === "mysql_servers" ? this.servers.rows : (this.#tables.get(table) ?? []);
  }

  variable(name: string): string {
    return this.variables.get(name) ?? "";
  }

  /** Takes a module from memory. `starting` also applies what only a start may change. */
  async load(module: Module, main: SqlConnection, starting = false): Promise<void> {
    if (module.kind === "variables") await this.#loadVariables(module, main, starting);
    if (module.kind === "users") await this.#loadUsers(module, main);
    if (module.kind === "tables") await this.#loadTables(module, main);
    this.#countChecksum(module);
  }

  /** Reads all tables first: the monitor must not see one half of them. */
  async #loadTables(module: Module, main: SqlConnection): Promise<void> {
    if (module.tables.includes("mysql_servers")) this.#poison = await takePoison(main);
    const taken = new Map<string, SqlValue[][]>();
    for (const table of module.tables) {
      const result = await main.query(`SELECT * FROM main.${table} ${TAKEN.get(table) ?? ""}`);
      taken.set(table, result.rows);
    }
    for (const [table, rows] of taken) {
      if (table !== "mysql_servers") this.#tables.set(table, rows);
      // The hostgroup is the first column.
      else this.servers.commit(rows.filter((row) => !this.#poison.lost.has(String(row[0]))));
    }
    if (taken.has("mysql_servers")) traceServers("load", this.servers.rows);
  }

  /** After the monitor moved servers: their checksum is another one, of the same version (lib/MySQL_HostGroups_Manager.cpp:4040-4055). */
  serversMoved(): void {
    traceServers("monitor", this.servers.rows);
    const line = this.checksums.get("mysql_servers");
    if (line === undefined) return;
    line.epoch = Math.floor(Date.now() / 1000);
    line.checksum = checksumOf([this.servers.rows.map(asChecked)]);
  }

  /** Puts a module back into memory. */
  async save(module: Module, main: SqlConnection): Promise<void> {
    if (module.kind === "variables") return this.#saveVariables(module, main);
    if (module.kind === "users") return this.#saveUsers(module, main);
    if (module.tables.includes("mysql_servers")) this.servers.purge();
    for (const table of module.tables) {
      await main.query(`DELETE FROM main.${table}`);
      main.insert(`main.${table}`, this.rows(table));
    }
    // A SHUNNED server is a working one that rests: in memory it is ONLINE (lib/ProxySQL_Admin.cpp:12452).
    const servers = module.tables.find((table) => table.endsWith("sql_servers"));
    if (servers !== undefined && servers !== "proxysql_servers") {
      await main.query(`UPDATE main.${servers} SET status='ONLINE' WHERE UPPER(status)='SHUNNED'`);
    }
  }

  /** Refills the `runtime_*` tables that a query names; ProxySQL looks for the bare names in the text. */
  async show(query: string, main: SqlConnection, names: readonly string[]): Promise<void> {
    for (const name of names) {
      const named = name === "runtime_global_variables" ? "global_variables" : name;
      if (!query.includes(named)) continue;
      // To look is to purge (lib/MySQL_HostGroups_Manager.cpp:2214-2220).
      if (name === "runtime_mysql_servers") this.servers.purge();
      await main.query(`DELETE FROM main.${name}`);
      main.insert(`main.${name}`, this.#shown(name));
    }
  }

  #shown(name: string): SqlValue[][] {
    if (name === "runtime_global_variables") return [...this.variables];
    if (name === "runtime_checksums_values") {
      return [...this.checksums].map(([module, line]) => [module, line.version, line.epoch, line.checksum]);
    }
    return this.rows(name.replace(/^runtime_/, ""));
  }

  async #loadVariables(module: Module, main: SqlConnection, starting: boolean): Promise<void> {
    const result = await main.query(
      `SELECT variable_name, variable_value FROM main.global_variables WHERE variable_name LIKE '${module.prefix}%'`,
    );
    for (const row of result.rows) {
      const name = String(row[0]);
      const current = this.variables.get(name);
      if (current === undefined) {
        log("WARNING", `Impossible to set not existing variable ${name}. Deleting.`);
        await main.query(`DELETE FROM main.global_variables WHERE variable_name=${literal(name)}`);
        continue;
      }
      const value = this.#accepted(name, String(row[1]), starting);
      if (value !== undefined) {
        this.variables.set(name, value);
        continue;
      }
      log("WARNING", `Impossible to set variable ${name}. Resetting to current "${current}".`);
      await main.query(
        `INSERT OR REPLACE INTO main.global_variables VALUES (${literal(name)}, ${literal(current)})`,
      );
    }
  }

  /** The value to use, or undefined to keep the current one. Types are told by the defaults. */
  #accepted(name: string, value: string, starting: boolean): string | undefined {
    if (FIXED.has(name) && value !== this.variables.get(name) && !(starting && name !== "admin-version")) {
      return undefined;
    }
    const standard = this.#defaults.get(name) ?? "";
    if (/^(true|false)$/.test(standard)) {
      if (/^(true|1)$/i.test(value)) return "true";
      return /^(false|0)$/i.test(value) ? "false" : undefined;
    }
    if (/^\d+$/.test(standard)) return /^\d+$/.test(value) ? value : undefined;
    return value;
  }

  async #saveVariables(module: Module, main: SqlConnection): Promise<void> {
    const rows = [...this.variables].filter(([name]) => name.startsWith(module.prefix));
    main.insert("main.global_variables", rows, "INSERT OR REPLACE");
  }

  /** Runtime keeps one row for the client side of a user and one for its server side, clients first. */
  async #loadUsers(module: Module, main: SqlConnection): Promise<void> {
    const table = module.tables[0];
    if (table === undefined) return;
    const result = await main.query(`SELECT * FROM main.${table} WHERE active=1`);
    const frontend = result.columns?.indexOf("frontend") ?? -1;
    const backend = result.columns?.indexOf("backend") ?? -1;
    const side = (mine: number, other: number) =>
      result.rows
        .filter((row) => String(row[mine]) === "1")
        .map((row) => row.map((value, index) => (index === mine ? 1 : index === other ? 0 : (value ?? ""))));
    this.#tables.set(table, [...side(frontend, backend), ...side(backend, frontend)]);
  }

  async #saveUsers(module: Module, main: SqlConnection): Promise<void> {
    const table = module.tables[0];
    if (table === undefined) return;
    await main.query(`UPDATE main.${table} SET active=0`);
    main.insert(`main.${table}`, this.rows(table), "REPLACE");
  }

  #countChecksum(module: Module): void {
    for (const name of module.checksums) {
      const line = this.checksums.get(name);
      if (line === undefined) continue;
      const tables =
        module.kind === "variables" ? [this.#variableRows(module.prefix)] : this.#checkedTables(module, name);
      line.version += 1;
      line.epoch = Math.floor(Date.now() / 1000);
      line.checksum = checksumOf(tables);
    }
  }

  #checkedTables(module: Module, name: string): SqlValue[][][] {
    const names = name === "mysql_servers" ? ["mysql_servers"] : module.tables;
    return names.map((table) =>
      table === "mysql_servers" ? this.servers.rows.map(asChecked) : this.rows(table),
    );
  }

  /** Host-specific variables do not count (lib/ProxySQL_Admin.cpp:7539-7550). */
  #variableRows(prefix: string): SqlValue[][] {
    const local =
      /^(mysql-interfaces|mysql-threads|admin-(mysql_ifaces|restapi_port|telnet_\w+_ifaces|web_port))$/;
    return [...this.variables].filter(([name]) => name.startsWith(prefix) && !local.test(name)).sort();
  }
}
