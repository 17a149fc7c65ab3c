import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { type AdminClient, connectAdmin } from "../../support/admin-client.js";
import { type Mariadb, startMariadb } from "../../support/mariadb.js";
import { type Orchestrator, startOrchestrator } from "../../support/orchestrator.js";
import type { InstanceSpec, Key } from "../../support/orchestrator-standin/protocol.js";
import type { PairNode } from "../../support/pair/node.js";
import { createPair, until } from "../../support/pair/pair.js";
import { type ServerChange, serverChanges, setMonitored } from "../../support/standin-control.js";
import { leads } from "../agent/harness.js";
import { readers, writers } from "./harness.js";

const lookEveryMs = 100;
const writeEveryMs = 5;

/** What a look at a real server has found. */
export interface Seen {
  readonly alive: boolean;
  readonly readOnly: boolean;
  /** The port of the server that it replicates from; null if from none. */
  readonly master: number | null;
  readonly replicating: boolean;
}

/**
 * Three real MariaDB servers with replication by GTID, an agent with its ProxySQL in front of them, and an application.
 * What ProxySQL's monitor and Orchestrator know of the servers is what a look at them finds, ten times a second.
 */
export interface ReplicatedShop {
  readonly node: PairNode;
  readonly orchestrator: Orchestrator;
  readonly servers: readonly [Mariadb, Mariadb, Mariadb];
  readonly application: Application;
  seen(server: Mariadb): Seen | undefined;
  /** All that happened to the servers in effect in ProxySQL, the oldest first. */
  changes(): ServerChange[];
  end(): Promise<void>;
}

/** Starts all of it: the first server writes, the others replicate from it, and the application is at work. */
export async function startReplicatedShop(): Promise<ReplicatedShop> {
  const ending: (() => unknown)[] = [];
  const end = async (): Promise<void> => {
    for (const one of ending.splice(0).reverse()) await one();
  };
  try {
    const servers = await startServers(ending);
    const instances = servers.map((server, index): InstanceSpec => {
      const master = index === 0 ? {} : { master: keyOf(servers[0]) };
      return { ...keyOf(server), alias: "shop", ...master };
    });
    const orchestrator = await startOrchestrator({ instances });
    ending.push(() => orchestrator.stop());
    const { a: node, end: endPair } = await createPair({
      standby: "warm",
      extra: { orchestrator: [`endpoints = ${JSON.stringify(orchestrator.endpoints)}`, 'poll = "200ms"'] },
    });
    ending.push(endPair);
    const trace = join(node.dir, "servers.jsonl");
    traceServers(node, trace);
    await node.startProxysql();
    await until("ProxySQL answers", () => node.admin("SELECT 1"));
    await node.admin(...configuration(servers));
    const bridge = new Bridge(servers, orchestrator, join(node.dir, "proxysql"));
    ending.push(() => bridge.end());
    node.writeRole("MASTER");
    node.startAgent();
    await until("the node leads", () => leads(node));
    const application = new Application(servers, node.ports.client);
    ending.push(() => application.end());
    await application.hasWritten(20);
    return {
      node,
      orchestrator,
      servers,
      application,
      seen: (server) => bridge.seen(server),
      changes: () => serverChanges(trace),
      end,
    };
  } catch (error) {
    await end();
    throw error;
  }
}

async function startServers(ending: (() => unknown)[]): Promise<[Mariadb, Mariadb, Mariadb]> {
  const start = async (serverId: number): Promise<Mariadb> => {
    // By rows, so that each one tells on every server who wrote it first. Not strict: a primary that died may have
    // transactions that nobody else has, and becomes a replica all the same.
    const server = await startMariadb({ serverId, strict: false, args: ["--binlog-format=ROW"] });
    ending.push(() => server.stop());
    return server;
  };
  const [first, second, third] = [await start(1), await start(2), await start(3)];
  await first.query(
    "CREATE DATABASE shop",
    "CREATE TABLE shop.writes (id INT PRIMARY KEY, server INT NOT NULL) ENGINE=InnoDB",
  );
  for (const replica of [second, third]) {
    await replica.query("SET GLOBAL read_only=1");
    await replica.replicateFrom(first);
  }
  return [first, second, third];
}

export function keyOf({ port }: Mariadb): Key {
  return { host: "127.0.0.1", port };
}

/** Lets the node's ProxySQL stand-in write down what happens to its servers, from its next start on. */
function traceServers(node: PairNode, file: string): void {
  const command = join(node.dir, "host/proxysql.command");
  const words = ["/usr/bin/env", `PROXYSQL_STANDIN_SERVERS=${file}`];
  writeFileSync(command, `${words.join("\n")}\n${readFileSync(command, "utf8")}`);
}

function configuration(servers: readonly Mariadb[]): string[] {
  const rows = servers.map(({ port }) => `(${readers},'127.0.0.1',${port})`);
  const variables = {
    "mysql-monitor_enabled": "true",
    "mysql-monitor_read_only_interval": String(lookEveryMs),
    "mysql-connect_timeout_server_max": "100",
  };
  return [
    `INSERT INTO mysql_replication_hostgroups(writer_hostgroup,reader_hostgroup,comment) VALUES (${writers},${readers},'shop')`,
    `INSERT INTO mysql_servers(hostgroup_id,hostname,port) VALUES (${writers},'127.0.0.1',${servers[0]?.port}),${rows.join(",")}`,
    `INSERT INTO mysql_users(username,password,default_hostgroup) VALUES ('app','app-secret',${writers})`,
    ...Object.entries(variables).map(([name, value]) => `SET ${name}='${value}'`),
    ...["SERVERS", "USERS", "VARIABLES"].flatMap((module) => [
      `LOAD MYSQL ${module} TO RUNTIME`,
      `SAVE MYSQL ${module} TO DISK`,
    ]),
  ];
}

/** Looks at the real servers, and tells ProxySQL's monitor and Orchestrator. */
class Bridge {
  readonly #servers: readonly Mariadb[];
  readonly #orchestrator: Orchestrator;
  readonly #datadir: string;
  readonly #seen = new Map<Mariadb, Seen>();
  readonly #running: Promise<void>;
  #ended = false;

  constructor(servers: readonly Mariadb[], orchestrator: Orchestrator, datadir: string) {
    this.#servers = servers;
    this.#orchestrator = orchestrator;
    this.#datadir = datadir;
    this.#running = this.#run();
    this.#running.catch(() => undefined);
  }

  seen(server: Mariadb): Seen | undefined {
    return this.#seen.get(server);
  }

  async end(): Promise<void> {
    this.#ended = true;
    await this.#running;
  }

  async #run(): Promise<void> {
    while (!this.#ended) {
      await Promise.all(this.#servers.map((server) => this.#look(server)));
      const monitored = this.#servers.map((server) => {
        const { alive = false, readOnly = true } = this.#seen.get(server) ?? {};
        return [`127.0.0.1:${server.port}`, { alive, readOnly, shunned: !alive }];
      });
      setMonitored(this.#datadir, Object.fromEntries(monitored));
      await sleep(lookEveryMs);
    }
  }

  async #look(server: Mariadb): Promise<void> {
    const seen = await lookAt(server);
    const before = this.#seen.get(server);
    this.#seen.set(server, seen);
    if (JSON.stringify(before) === JSON.stringify(seen)) return;
    const { alive, readOnly, replicating } = seen;
    // Of a dead one Orchestrator knows what it saw last.
    if (!alive) return this.#orchestrator.setInstance(keyOf(server), { alive });
    const master = seen.master === null ? null : { host: "127.0.0.1", port: seen.master };
    await this.#orchestrator.setInstance(keyOf(server), { alive, readOnly, master, replicating });
  }
}

async function lookAt(server: Mariadb): Promise<Seen> {
  try {
    const [variables] = await server.query("SELECT @@read_only AS readOnly");
    const [slave] = await server.query("SHOW SLAVE STATUS");
    return {
      alive: true,
      readOnly: variables?.readOnly === "1",
      master: slave === undefined ? null : Number(slave.Master_Port),
      replicating: slave?.Slave_IO_Running === "Yes" && slave.Slave_SQL_Running === "Yes",
    };
  } catch {
    return { alive: false, readOnly: true, master: null, replicating: false };
  }
}

/** Writes rows, one after the other, each to the server that ProxySQL sends the writer hostgroup's work to then. */
export class Application {
  readonly #servers: readonly Mariadb[];
  readonly #clientPort: number;
  /** Each write that was acknowledged, with the id of the server that did it. */
  readonly acknowledged = new Map<number, number>();
  #session: AdminClient | undefined;
  #next = 1;
  #ended = false;
  readonly #running: Promise<void>;

  constructor(servers: readonly Mariadb[], clientPort: number) {
    this.#servers = servers;
    this.#clientPort = clientPort;
    this.#running = this.#run();
    this.#running.catch(() => undefined);
  }

  /** How many writes were tried so far. */
  get sent(): number {
    return this.#next;
  }

  /** Waits until so many more writes were acknowledged. */
  async hasWritten(count: number): Promise<void> {
    const wanted = this.acknowledged.size + count;
    await until(`${count} more writes`, async () => this.acknowledged.size >= wanted, 30_000);
  }

  async end(): Promise<void> {
    this.#ended = true;
    await this.#running;
    this.#session?.close();
  }

  async #run(): Promise<void> {
    for (; !this.#ended; this.#next += 1) {
      // Refused by ProxySQL, for nobody writes, or by the server: another one is tried under the next number.
      await this.#write(this.#next).catch(() => undefined);
      await sleep(writeEveryMs);
    }
  }

  async #write(id: number): Promise<void> {
    const server = await this.#writer();
    await server.query(`INSERT INTO shop.writes VALUES (${id}, @@server_id)`);
    this.acknowledged.set(id, server.serverId);
  }

  /** The stand-in's servers are imagined, but it says which one it would have sent a query to. */
  async #writer(): Promise<Mariadb> {
    try {
      this.#session ??= await connectAdmin({ port: this.#clientPort, user: "app", password: "app-secret" });
      const [row] = await this.#session.rows("SELECT @@port");
      const server = this.#servers.find(({ port }) => String(port) === row?.[0]);
      if (server === undefined) throw new Error(`no server has the port ${row?.[0]}`);
      return server;
    } catch (error) {
      this.#session?.close();
      this.#session = undefined;
      throw error;
    }
  }
}
