import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import Database from "better-sqlite3";
import { openStore } from "../../../src/snapshot/store.js";
import type { PairNode } from "../../support/pair/node.js";
import { createPair, type Pair, until } from "../../support/pair/pair.js";

export { until } from "../../support/pair/pair.js";

/** A pair with everything running: `a` leads, `b` stands by and has the first snapshot. */
export async function startPair(options: Parameters<typeof createPair>[0]): Promise<Pair> {
  const pair = await createPair(options);
  const { a, b } = pair;
  await Promise.all([a.startSsh(b), b.startSsh(a), a.startProxysql(), b.startProxysql()]);
  await until("both ProxySQL answer", async () => (await servers(a)) === "" && (await servers(b)) === "");
  a.writeRole("MASTER");
  a.startAgent();
  b.startAgent();
  await until("a leads", () => leads(a));
  await until("b has the first snapshot", async () => (await b.status()).lastReceived !== null);
  await until("b stands by", async () => (await b.status()).proxysql.up === (options.standby === "warm"));
  return pair;
}

export async function leads(node: PairNode): Promise<boolean> {
  const { role, leads, proxysql } = await node.status();
  return role === "MASTER" && leads !== null && proxysql.serving;
}

/** `10:db1:3306 20:db2:3306`: what this ProxySQL uses now. */
export async function servers(node: PairNode): Promise<string> {
  const rows = await node.admin(
    "SELECT hostgroup_id, hostname, port FROM runtime_mysql_servers ORDER BY 1, 2, 3",
  );
  return rows.map((row) => row.join(":")).join(" ");
}

/** An operator adds a server and saves it. */
export async function addServer(node: PairNode, name: string): Promise<void> {
  await node.admin(
    `INSERT INTO mysql_servers(hostgroup_id,hostname,port) VALUES (10,'${name}',3306)`,
    "LOAD MYSQL SERVERS TO RUNTIME",
    "SAVE MYSQL SERVERS TO DISK",
  );
}

/** How many servers the newest snapshot that a node received or took has; undefined without one. */
export async function serversInStore(node: PairNode, box?: "inbox" | "outbox"): Promise<number | undefined> {
  const latest = await openStore(join(node.dir, "state")).latest(box);
  return latest?.manifest.tables.mysql_servers?.rows;
}

/** Adds a server and waits until the other node has it on its disk. */
export async function addAndShip(from: PairNode, to: PairNode, name: string): Promise<void> {
  const before = (await serversInStore(from)) ?? 0;
  await addServer(from, name);
  await until(
    `${name} is on ${to.name}'s disk`,
    async () => (await serversInStore(to, "inbox")) === before + 1,
  );
}

/** Rows of a node's journal. */
export function journal(node: PairNode, sql: string): Record<string, unknown>[] {
  const db = new Database(join(node.dir, "state/journal.db"), { readonly: true });
  try {
    return db.prepare<[], Record<string, unknown>>(sql).all();
  } finally {
    db.close();
  }
}

/** What the agent has logged so far. */
export function logOf(node: PairNode): string {
  return existsSync(node.logFile) ? readFileSync(node.logFile, "utf8") : "";
}

/** How often the rc service was asked to start ProxySQL. */
export function startsOf(node: PairNode): number {
  const file = join(node.dir, "host/service.log");
  return existsSync(file)
    ? readFileSync(file, "utf8")
        .split("\n")
        .filter((line) => line.endsWith(" onestart")).length
    : 0;
}
