import { existsSync, renameSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { CnfGroup } from "./cnf.js";
import { readCnfInto } from "./cnf-to-memory.js";
import { SqlConnection } from "./layers.js";
import type { Module } from "./modules.js";
import type { Personality } from "./personality.js";
import { takePoison } from "./poison.js";
import { literal } from "./sql-text.js";
import { checkAndBuild, openFile, prepareDisk } from "./start-files.js";

/** How a store is opened. */
export interface StoreOptions {
  datadir: string;
  personality: Personality;
  modules: readonly Module[];
  cnf: CnfGroup | undefined;
  uuid: string | undefined;
  initial: boolean;
  reload: boolean;
  /** Pause between the DELETE and the INSERT of a SAVE, in milliseconds. */
  saveGap: number;
}

/** Memory and disk: `main` in memory with proxysql.db attached as `disk`, and the read-only view of stats users. */
export class Store {
  readonly admin: SqlConnection;
  readonly stats: SqlConnection;
  readonly #path: string;
  readonly #saveGap: number;

  private constructor(admin: SqlConnection, stats: SqlConnection, path: string, saveGap: number) {
    this.admin = admin;
    this.stats = stats;
    this.#path = path;
    this.#saveGap = saveGap;
  }

  /** Opens the files and fills memory from disk, as `ProxySQL_Admin::init`. May end the process. */
  static async open(options: StoreOptions): Promise<Store> {
    const path = join(options.datadir, "proxysql.db");
    const history = join(options.datadir, "proxysql_stats.db");
    if (options.initial && existsSync(path)) renameSync(path, `${path}.bak`);
    const existed = existsSync(path);
    await prepareDisk(path, options.personality, options.uuid);
    await prepareHistory(history);
    const admin = new SqlConnection(":memory:");
    for (const table of options.personality.main) await checkAndBuild(admin, table);
    await admin.query(`ATTACH DATABASE ${literal(path)} AS disk`);
    await admin.query("ATTACH DATABASE ':memory:' AS stats");
    for (const table of options.personality.stats) await admin.query(inSchema(table.sql, "stats"));
    await admin.query("ATTACH DATABASE ':memory:' AS monitor");
    await admin.query(`ATTACH DATABASE ${literal(history)} AS stats_history`);
    const store = new Store(admin, await openStats(options.personality, history), path, options.saveGap);
    await store.#fillMemory(options, existed);
    await takePoison(admin);
    return store;
  }

  async #fillMemory(options: StoreOptions, existed: boolean): Promise<void> {
    this.admin.insert("main.global_variables", [...options.personality.variables], "INSERT OR REPLACE");
    const tables = [...options.modules.flatMap((module) => module.tables), "global_variables"];
    for (const table of tables) {
      await this.admin.execute(`INSERT OR REPLACE INTO main.${table} SELECT * FROM disk.${table}`);
    }
    if (options.cnf === undefined || (existed && !options.initial && !options.reload)) return;
    for (const module of options.modules) await readCnfInto(module, options.cnf, this.admin);
    for (const table of tables) {
      await this.admin.execute(`INSERT OR REPLACE INTO disk.${table} SELECT * FROM main.${table}`);
    }
  }

  /** `LOAD X FROM DISK` of a module of tables. Failures are logged only, as ProxySQL does. */
  async loadFromDisk(module: Module): Promise<void> {
    for (const table of module.tables) {
      await this.admin.execute(`DELETE FROM main.${table}`);
      await this.admin.execute(`INSERT INTO main.${table} SELECT * FROM disk.${table}`);
    }
  }

  /**
   * `SAVE X TO DISK`: DELETE and INSERT are two commits, and an outside reader can see the empty table between them
   * (lib/ProxySQL_Admin.cpp:141-153, 11397-11412). Failures are logged only.
   */
  async saveToDisk(module: Module): Promise<void> {
    for (const table of module.tables) {
      await this.admin.execute(`DELETE FROM disk.${table}`);
      if (this.#saveGap > 0) await sleep(this.#saveGap);
      await this.admin.execute(`INSERT INTO disk.${table} SELECT * FROM main.${table}`);
    }
  }

  /** `PROXYSQL FLUSH CONFIGDB`: opens the file anew, without looking at its tables. */
  async reopenDisk(): Promise<void> {
    await this.admin.execute("DETACH DATABASE disk");
    await this.admin.execute(`ATTACH DATABASE ${literal(this.#path)} AS disk`);
  }

  close(): void {
    this.admin.close();
    this.stats.close();
  }
}

async function openStats(personality: Personality, history: string): Promise<SqlConnection> {
  const stats = new SqlConnection(":memory:");
  for (const table of personality.stats) await checkAndBuild(stats, table);
  await stats.query("ATTACH DATABASE ':memory:' AS monitor");
  await stats.query(`ATTACH DATABASE ${literal(history)} AS stats_history`);
  return stats;
}

/** ProxySQL's metrics history; one of its tables is enough to make it a database that is not empty. */
async function prepareHistory(path: string): Promise<void> {
  const history = openFile(path);
  await history.execute("PRAGMA synchronous=0");
  await history.execute(
    "CREATE TABLE IF NOT EXISTS system_cpu (timestamp INT NOT NULL , tms_utime INT NOT NULL , tms_stime INT NOT NULL , PRIMARY KEY (timestamp))",
  );
  history.close();
}

function inSchema(sql: string, schema: string): string {
  return sql.replace("CREATE TABLE ", `CREATE TABLE ${schema}.`);
}
