import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { userInfo } from "node:os";
import { join } from "node:path";
import { PairNode, root } from "../test/support/pair/node.js";
import { until } from "../test/support/pair/pair.js";
import { setPorts } from "../test/support/proxysql.js";

const scripts = join(root, "bench/baseline");

/**
 * The published shell recipe on a host of its own: same ProxySQL, same `service`, no agent. Its scripts are run as
 * they are, from bench/baseline.
 */
export class Recipe {
  readonly node: PairNode;
  readonly #origin: string;
  readonly #outbox: string;
  readonly #inbox: string;

  private constructor(node: PairNode) {
    this.node = node;
    this.#origin = join(node.dir, "origin");
    this.#outbox = join(node.dir, "out");
    this.#inbox = join(node.dir, "in");
    for (const dir of [this.#origin, this.#outbox, this.#inbox]) mkdirSync(dir, { recursive: true });
  }

  /** A host below `dir` whose ProxySQL has run once, as on hosts that are set up, and is stopped. */
  static async create(dir: string): Promise<Recipe> {
    const node = await PairNode.create({ name: "r", dir: join(dir, "r"), standby: "cold" });
    node.configure([]);
    await node.startProxysql();
    await until("the recipe's ProxySQL answers", () => node.admin("SELECT 1"));
    const recipe = new Recipe(node);
    await recipe.stopProxysql();
    return recipe;
  }

  /** Why the recipe cannot run here, or undefined if it can. */
  static missing(): string | undefined {
    const found = (process.env.PATH ?? "").split(":").some((dir) => existsSync(join(dir, "sqlite3")));
    return found ? undefined : "the recipe needs the sqlite3 command (Debian: apt-get install sqlite3)";
  }

  /** The peer's newest configuration comes in: psqlbkp.sh copies `from`'s database into this host's inbox. */
  async receive(from: PairNode): Promise<void> {
    const copy = join(this.#origin, "proxysql.db");
    rmSync(copy, { force: true });
    execFileSync("sqlite3", [join(from.dir, "proxysql/proxysql.db"), `.backup '${copy}'`]);
    // The recipe's hosts share one configuration, ports included; here both are on one loopback.
    setPorts(copy, { adminPort: this.node.ports.admin, clientPort: this.node.ports.client });
    await this.ship({ datadir: this.#origin, scp: this.#localCopy(), inbox: this.#inbox });
  }

  /** Runs psqlbkp.sh, which ships the database in `datadir` by `scp`. Resolves with its milliseconds. */
  async ship(options: { datadir: string; scp: string; inbox: string }): Promise<number> {
    const environment = this.#environment("backup", {
      DATADIR: options.datadir,
      PEER_INBOX: options.inbox,
      SCP: options.scp,
    });
    return this.#run("psqlbkp.sh", environment);
  }

  /** Runs psqlrestore.sh, the recipe's devd action on MASTER. Resolves with its milliseconds. */
  restore(): Promise<number> {
    return this.#run("psqlrestore.sh", this.#environment("restore", {}));
  }

  /** What a devd action's command line for psqlrestore.sh is, with its environment. */
  get restoreCommand(): { readonly script: string; readonly env: NodeJS.ProcessEnv } {
    return {
      script: join(scripts, "psqlrestore.sh"),
      env: this.#processEnv(this.#environment("restore", {})),
    };
  }

  async stopProxysql(): Promise<void> {
    await this.node.run("service", ["proxysql", "onestop"]);
  }

  /** Bytes of the newest file in the outbox: what one run ships, changed or not. */
  get shippedBytes(): number {
    const newest = readdirSync(this.#outbox).sort().at(-1);
    return newest === undefined ? 0 : statSync(join(this.#outbox, newest)).size;
  }

  async end(): Promise<void> {
    await this.stopProxysql().catch(() => undefined);
  }

  async #run(script: string, environment: string): Promise<number> {
    const began = performance.now();
    const { code } = await this.node.run("/usr/bin/env", [
      `BASELINE_ENV=${environment}`,
      "/bin/sh",
      join(scripts, script),
    ]);
    if (code !== 0) throw new Error(`The recipe's ${script} ended with ${code}.`);
    return performance.now() - began;
  }

  #processEnv(environment: string): NodeJS.ProcessEnv {
    return { ...this.node.env, BASELINE_ENV: environment };
  }

  #environment(name: string, more: Readonly<Record<string, string>>): string {
    const { username } = userInfo();
    const group = execFileSync("id", ["-gn"], { encoding: "utf8" }).trim();
    const values = {
      DATADIR: join(this.node.dir, "proxysql"),
      OUTBOX: this.#outbox,
      INBOX: this.#inbox,
      PEER: `${username}@127.0.0.1`,
      PEER_INBOX: this.#inbox,
      KEEP: "30",
      OWNER: `${username}:${group}`,
      START: "service proxysql onestart",
      CRON_FLAG: join(this.node.dir, "ship.enabled"),
      ...more,
    };
    const file = join(this.node.dir, `${name}.env`);
    writeFileSync(
      file,
      Object.entries(values)
        .map(([key, value]) => `${key}='${value}'\n`)
        .join(""),
    );
    return file;
  }

  /** A stand-in for scp where the time of the copy does not count. */
  #localCopy(): string {
    const file = join(this.node.dir, "local-scp");
    const script = ["#!/bin/sh", "IFS=:", "set -- $1 $2", 'exec cp "$1" "$3"', ""];
    writeFileSync(file, script.join("\n"), { mode: 0o755 });
    return file;
  }
}
