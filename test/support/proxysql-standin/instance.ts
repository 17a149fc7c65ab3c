import { setTimeout as sleep } from "node:timers/promises";
import { AdminPort } from "./admin-port.js";
import { ClientPort } from "./client-port.js";
import type { CnfGroup } from "./cnf.js";
import { log } from "./log.js";
import { type Module, modulesFor } from "./modules.js";
import { Monitor } from "./monitor.js";
import { Mutex } from "./mutex.js";
import type { Personality } from "./personality.js";
import { Runtime } from "./runtime.js";
import { Store } from "./store.js";

/** How an instance is composed. Delays are milliseconds since the process began, to start as slowly as the real one. */
export interface InstanceOptions {
  datadir: string;
  personality: Personality;
  cnf: CnfGroup | undefined;
  uuid: string | undefined;
  initial: boolean;
  reload: boolean;
  adminInterfaces: string | undefined;
  saveGap: number;
  adminDelay: number;
  clientDelay: number;
}

/** Modules whose runtime exists without PROXYSQL START. */
const ALWAYS_LOADED = new Set([
  "ADMIN VARIABLES",
  "MYSQL VARIABLES",
  "MYSQL USERS",
  "PGSQL VARIABLES",
  "PGSQL USERS",
]);

/** One running ProxySQL: its layers, its ports and what moves between them. */
export class Instance {
  readonly datadir: string;
  readonly cnf: CnfGroup | undefined;
  readonly personality: Personality;
  readonly modules: Module[];
  readonly runtime: Runtime;
  readonly client: ClientPort;
  readonly admin: AdminPort;
  readonly mutex = new Mutex();
  readonly startedAt = Date.now();
  readonly runtimeTables: string[];
  store: Store;
  started = false;
  readOnly = false;
  readonly #options: InstanceOptions;

  private constructor(options: InstanceOptions, modules: Module[], store: Store) {
    this.#options = options;
    this.datadir = options.datadir;
    this.cnf = options.cnf;
    this.personality = options.personality;
    this.modules = modules;
    this.store = store;
    const names = options.personality.main.map((table) => table.name);
    this.runtimeTables = names.filter((name) => name.startsWith("runtime_"));
    this.runtime = new Runtime(options.personality.variables, names.includes("pgsql_servers"));
    this.client = new ClientPort(this.runtime);
    this.runtime.servers.countConnectionsBy((place) => this.client.connectionsTo(place));
    this.admin = new AdminPort(this);
  }

  /** Opens the files and, unless `start` is false (`-n`), the client port; then the admin port. */
  static async boot(options: InstanceOptions, start: boolean): Promise<Instance> {
    const modules = modulesFor(new Set(options.personality.disk.map((table) => table.name)));
    const store = await Store.open({ ...options, modules });
    const instance = new Instance(options, modules, store);
    await instance.#loadRuntime(start);
    if (start) await instance.#openClientPort();
    await instance.#waitUntil(options.adminDelay);
    await instance.admin.followInterfaces();
    new Monitor(instance).start();
    return instance;
  }

  /** `PROXYSQL START`, in the background. */
  startSoon(): void {
    this.started = true;
    setImmediate(() => {
      this.mutex
        .run(async () => {
          await this.#loadStarted();
          await this.client.open();
        })
        .catch((error) => log("ERROR", String(error)));
    });
  }

  /** Builds memory and runtime anew from disk; what was not saved is lost. The caller holds the mutex. */
  async restart(start: boolean): Promise<void> {
    this.admin.close();
    this.client.stop();
    this.started = false;
    this.store.close();
    this.store = await Store.open({ ...this.#options, modules: this.modules, initial: false, reload: false });
    this.runtime.clear();
    await this.#loadRuntime(start);
    if (start) await this.client.open();
    setTimeout(() => this.admin.followInterfaces(), this.#options.adminDelay);
  }

  /** `PROXYSQL RESTART`: all connections drop. */
  async restartAll(): Promise<void> {
    this.admin.dropSessions();
    await this.mutex.run(() => this.restart(true));
  }

  async #loadRuntime(start: boolean): Promise<void> {
    for (const module of this.modules) {
      if (ALWAYS_LOADED.has(module.name)) await this.runtime.load(module, this.store.admin, true);
    }
    await this.#applyAdminOption();
    if (!start) return;
    this.started = true;
    await this.#loadStarted();
  }

  /** `-S` replaces the variable in memory and runtime, not on disk (lib/ProxySQL_Admin.cpp:6893). */
  async #applyAdminOption(): Promise<void> {
    const interfaces = this.#options.adminInterfaces;
    if (interfaces === undefined) return;
    this.runtime.variables.set("admin-mysql_ifaces", interfaces);
    this.store.admin.insert(
      "main.global_variables",
      [["admin-mysql_ifaces", interfaces]],
      "INSERT OR REPLACE",
    );
  }

  async #loadStarted(): Promise<void> {
    for (const module of this.modules) {
      if (!ALWAYS_LOADED.has(module.name)) await this.runtime.load(module, this.store.admin, true);
    }
  }

  async #openClientPort(): Promise<void> {
    await this.#waitUntil(this.#options.clientDelay);
    await this.client.open();
  }

  async #waitUntil(delay: number): Promise<void> {
    const rest = delay - performance.now();
    if (rest > 0) await sleep(rest);
  }
}
