import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { onTestFinished } from "vitest";
import { parseConfig } from "../../../src/config/load.js";
import { composeFencer } from "../../../src/fence/compose.js";
import type { FencePass, Fencer } from "../../../src/fence/fencer.js";
import type { Latch } from "../../../src/fence/latch.js";
import { KnownError } from "../../../src/platform/errors.js";
import { AdminClient } from "../../../src/proxysql/admin-client.js";
import {
  type Orchestrator,
  type OrchestratorStart,
  startOrchestrator,
  threeServers,
} from "../../support/orchestrator.js";
import { endScratches } from "../proxysql-standin/scratch.js";
import { openShop, type Shop } from "../proxysql-standin/shop.js";

/** A ProxySQL with db1 as writer and db2, db3 as readers, an Orchestrator that knows them, and a fencer between. */
export interface FencedShop {
  readonly shop: Shop;
  readonly orchestrator: Orchestrator;
  readonly fencer: Fencer;
  /** What is written down of the latch. */
  kept(): Latch | undefined;
  /** Writes down a latch, for the next restart. */
  keep(latch: Latch): void;
  /** One pass of the fencer; with ProxySQL away if it is not `usable`. */
  pass(change?: Partial<FencePass>): Promise<void>;
  /** `10 db1 ONLINE, 20 db2 ONLINE`: a layer's servers. */
  rows(layer?: "runtime" | "main" | "disk"): Promise<string>;
  /** Ends all of it now. */
  end(): Promise<void>;
  /** Another fencer over what was written down, as after a restart of the agent. */
  restart(): FencedShop;
}

export interface FencedShopOptions {
  /** Changes the database before ProxySQL starts. */
  readonly sql?: string;
  readonly orchestrator?: OrchestratorStart;
  /** Lines of [orchestrator] and [fence]. */
  readonly settings?: readonly string[];
  readonly fence?: readonly string[];
  readonly how?: Partial<FencePass>;
  /** Whether this fails now: a statement to ProxySQL, or `keep`, which writes the latch down. */
  readonly fails?: (what: string) => boolean;
  /** Runs what touches ProxySQL; at once, if it is not given. */
  readonly exclusively?: <T>(work: () => Promise<T>) => Promise<T>;
}

export const db1 = { host: "db1", port: 3306 };
export const db2 = { host: "db2", port: 3306 };
export const db3 = { host: "db3", port: 3306 };
export const untouched = "10 db1 ONLINE, 20 db2 ONLINE, 20 db3 ONLINE";

/** Starts all of it; it ends with the test, if it has not been ended before. */
export async function openFencedShop(options: FencedShopOptions = {}): Promise<FencedShop> {
  const ending: (() => unknown)[] = [];
  const end = async (): Promise<void> => {
    for (const one of ending.splice(0).reverse()) await one();
  };
  onTestFinished(end);
  ending.push(endScratches);
  const shop = await openShop(options.sql);
  const orchestrator = await startOrchestrator({
    instances: threeServers(),
    nodes: 1,
    raft: false,
    ...options.orchestrator,
  });
  ending.push(() => orchestrator.stop());
  const dir = mkdtempSync(join(tmpdir(), "fence-"));
  ending.push(() => rmSync(dir, { recursive: true, force: true }));
  const password = join(dir, "password");
  writeFileSync(password, "admin\n", { mode: 0o600 });
  const admin = new AdminClient({
    host: "127.0.0.1",
    port: shop.ports.adminPort,
    user: "admin",
    passwordFile: password,
  });
  ending.push(() => admin.end());
  return withFencer({ shop, orchestrator, admin, options, ending, end, kept: { latch: undefined } });
}

interface Parts {
  readonly shop: Shop;
  readonly orchestrator: Orchestrator;
  readonly admin: AdminClient;
  readonly options: FencedShopOptions;
  readonly kept: { latch: Latch | undefined };
  /** What is to be ended, in the other order. */
  readonly ending: (() => unknown)[];
  readonly end: () => Promise<void>;
}

function withFencer(parts: Parts): FencedShop {
  const { shop, orchestrator, admin, options, kept, end, ending } = parts;
  const config = configOf(orchestrator.endpoints, options);
  if (!config.orchestrator) throw new Error("no [orchestrator]");
  const { exclusively = (work) => work(), fails = () => false } = options;
  const failing = (what: string): void => {
    if (fails(what)) throw new KnownError("proxysql-statement", `${what}: made to fail`);
  };
  const { fencer, client } = composeFencer(config, config.orchestrator, {
    admin: {
      query: (sql) => admin.query(sql),
      exec: async (sql) => {
        failing(sql);
        await admin.exec(sql);
      },
    },
    keeper: {
      file: "kept",
      read: () => (kept.latch === undefined ? undefined : JSON.parse(JSON.stringify(kept.latch))),
      write: (latch) => {
        failing("keep");
        kept.latch = latch;
      },
    },
    exclusively,
    note: () => {},
  });
  ending.push(() => client.close());
  const how: FencePass = { usable: true, savesAll: true, version: "2.7.1", ...options.how };
  return {
    shop,
    orchestrator,
    fencer,
    kept: () => kept.latch,
    keep: (latch) => {
      kept.latch = latch;
    },
    pass: (change = {}) => fencer.pass({ ...how, ...change }),
    rows: async (layer = "runtime") => {
      const table = layer === "runtime" ? "runtime_mysql_servers" : `${layer}.mysql_servers`;
      const found = await shop.admin.rows(
        `SELECT hostgroup_id, hostname, status FROM ${table} ORDER BY 1, 2, port`,
      );
      return found.map((row) => row.join(" ")).join(", ");
    },
    end,
    restart: () => withFencer(parts),
  };
}

function configOf(endpoints: readonly string[], { settings = [], fence = [] }: FencedShopOptions) {
  return parseConfig(
    [
      '[node]\nname = "a"\n[carp]\nvhids = ["9@em0"]\n[proxysql]\nadmin_password_file = "/x"',
      `[orchestrator]\nendpoints = ${JSON.stringify(endpoints)}`,
      ...settings,
      "[fence]",
      ...fence,
      '[[peer]]\nname = "b"\nhost = "192.0.2.12"\nkey_file = "/k"',
      'host_key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIPakNcVO9TXCpb977ZR21+lQqih0z1+QizbLL2TjpDLw"',
    ].join("\n"),
    "test",
  );
}
