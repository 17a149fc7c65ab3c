import { defaultKeepLocal, keepsVariable, parseKeepLocal } from "../../src/snapshot/keep-local.js";
import type { PairNode } from "../support/pair/node.js";

const tables = [
  "mysql_servers",
  "mysql_replication_hostgroups",
  "mysql_users",
  "mysql_query_rules",
  "scheduler",
];

/** Every row of the pair's common configuration on one node, as one line each: what a failover must carry over. */
export async function configurationRows(node: PairNode): Promise<Set<string>> {
  const rows = new Set<string>();
  for (const table of tables) {
    for (const row of await node.admin(`SELECT * FROM disk.${table}`))
      rows.add(`${table} ${JSON.stringify(row)}`);
  }
  const local = parseKeepLocal(defaultKeepLocal);
  for (const row of await node.admin("SELECT variable_name, variable_value FROM disk.global_variables")) {
    if (!keepsVariable(local, row[0] ?? "")) rows.add(`global_variables ${JSON.stringify(row)}`);
  }
  return rows;
}

/** The addresses that a node's ProxySQL uses now. */
export async function runtimeServers(node: PairNode): Promise<string> {
  const rows = await node.admin(
    "SELECT hostgroup_id, hostname, port FROM runtime_mysql_servers ORDER BY 1, 2, 3",
  );
  return rows.map((row) => row.join(":")).join(" ");
}

/** How many rows each table has on a node's disk. */
export async function rowCounts(node: PairNode): Promise<Record<string, number>> {
  const counts: Record<string, number> = {};
  for (const table of tables) {
    counts[table] = Number((await node.admin(`SELECT count(*) FROM disk.${table}`))[0]?.[0]);
  }
  return counts;
}
