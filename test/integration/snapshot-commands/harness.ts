import { join } from "node:path";
import { openStore } from "../../../src/snapshot/store.js";
import type { PairNode } from "../../support/pair/node.js";
import type { Pair } from "../../support/pair/pair.js";
import { journal, until } from "../agent/harness.js";

/** Three modules of ProxySQL, all of one name: a part of one content and a part of another shows. */
export async function configure(node: PairNode, name: string): Promise<void> {
  await node.admin(
    "DELETE FROM mysql_servers",
    "DELETE FROM mysql_users",
    "DELETE FROM mysql_query_rules",
    `INSERT INTO mysql_servers(hostgroup_id,hostname,port) VALUES (10,'${name}',3306)`,
    `INSERT INTO mysql_users(username,password) VALUES ('${name}','secret')`,
    `INSERT INTO mysql_query_rules(rule_id,active,comment) VALUES (1,1,'${name}')`,
    "LOAD MYSQL SERVERS TO RUNTIME",
    "LOAD MYSQL USERS TO RUNTIME",
    "LOAD MYSQL QUERY RULES TO RUNTIME",
    "SAVE MYSQL SERVERS TO DISK",
    "SAVE MYSQL USERS TO DISK",
    "SAVE MYSQL QUERY RULES TO DISK",
  );
}

/** The names in memory, on disk and in runtime, each once: one name if the configuration is whole. */
export async function namesIn(node: PairNode): Promise<string> {
  const rows = await node.admin(
    `SELECT hostname AS name FROM main.mysql_servers UNION SELECT hostname FROM disk.mysql_servers
     UNION SELECT hostname FROM runtime_mysql_servers
     UNION SELECT username FROM main.mysql_users UNION SELECT username FROM disk.mysql_users
     UNION SELECT username FROM runtime_mysql_users
     UNION SELECT comment FROM main.mysql_query_rules UNION SELECT comment FROM disk.mysql_query_rules
     UNION SELECT comment FROM runtime_mysql_query_rules ORDER BY 1`,
  );
  return rows.map(([name]) => name).join(" ");
}

/** What the content of a snapshot is called in a comparison: the digests of the three tables. */
type Content = string;

export interface Held {
  readonly id: string;
  readonly epoch: number;
  readonly content: Content;
}

/** All snapshots of a node, lowest lineage first. */
export async function heldBy(node: PairNode): Promise<Held[]> {
  const store = openStore(join(node.dir, "state"));
  const stored = await store.list();
  return Promise.all(
    stored.map(async ({ id, lineage }) => {
      const { tables } = await store.manifest(id);
      const content = ["mysql_servers", "mysql_users", "mysql_query_rules"]
        .map((table) => tables[table]?.content ?? "none")
        .join(" ");
      return { id, epoch: lineage.epoch, content };
    }),
  );
}

/** Configures the active node and waits until both have the snapshot of it. Returns its id. */
export async function configureBoth({ a, b }: Pair, name: string): Promise<string> {
  await configure(a, name);
  const id = await until(`a has ${name} in a snapshot`, async () => {
    const { stdout } = await a.cli("snapshot", "take", "--json");
    const { since } = JSON.parse(stdout) as { since: string };
    return since;
  });
  await until(`b has ${name}`, async () => (await heldBy(b)).at(-1)?.id === id);
  return id;
}

/** The restore that the node's journal has, if one is under way. */
export function intentOf(node: PairNode): unknown {
  const [row] = journal(node, "SELECT value FROM state WHERE name = 'restore'");
  return row === undefined ? null : JSON.parse(String(row.value));
}

export function notesOf(node: PairNode, kind: string): Record<string, unknown>[] {
  return journal(node, `SELECT detail FROM notes WHERE kind = '${kind}' ORDER BY id`).map(
    ({ detail }) => JSON.parse(String(detail)) as Record<string, unknown>,
  );
}

/** Waits until one node leads what the other runs as well, and no restore is under way. */
export async function converged(pair: Pair, leader: PairNode): Promise<void> {
  const other = leader === pair.a ? pair.b : pair.a;
  await until(
    "both nodes run one lineage",
    async () => {
      const [one, two] = await Promise.all([leader.status(), other.status()]);
      const leads = one.role === "MASTER" && one.leads !== null && one.leads === one.running?.epoch;
      return leads && one.running?.text === two.running?.text && intentOf(leader) === null;
    },
    60_000,
  );
}
