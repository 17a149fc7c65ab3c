import type { AdminClient } from "./admin-client.js";

/**
 * What must be in runtime if it is in memory: the key columns of each module's main table, and which rows count.
 * Monitor moves rows between hostgroups and shuns them, so a server is compared by its address alone.
 */
const runtimeRules = [
  { table: "mysql_servers", key: "hostname,port", where: "WHERE status<>'OFFLINE_HARD'" },
  { table: "mysql_users", key: "username", where: "WHERE active=1 AND (frontend=1 OR backend=1)" },
  { table: "mysql_query_rules", key: "rule_id", where: "WHERE active=1" },
  { table: "pgsql_servers", key: "hostname,port", where: "WHERE status<>'OFFLINE_HARD'" },
  { table: "pgsql_users", key: "username", where: "WHERE active=1 AND (frontend=1 OR backend=1)" },
  { table: "pgsql_query_rules", key: "rule_id", where: "WHERE active=1" },
] as const;

/** One table that falls short, for people. */
type Shortfall = string;

/**
 * What ProxySQL lacks: tables with fewer rows than `rows` names (it drops a table whose definition it does not like at
 * start, without a word), and rows that are on disk and do not run. None if all is as it should be.
 */
export async function shortfalls(
  admin: AdminClient,
  rows: Readonly<Record<string, number>>,
): Promise<Shortfall[]> {
  const present = new Set((await admin.query("SHOW TABLES FROM main")).map((row) => row.tables));
  const found: Shortfall[] = [];
  for (const [table, expected] of Object.entries(rows)) {
    const count = present.has(table) ? await countOf(admin, `disk.${table}`) : 0;
    if (count < expected)
      found.push(`${count} rows in ${table}, of which the installed snapshot has ${expected}`);
  }
  for (const { table, key, where } of runtimeRules) {
    if (!present.has(table)) continue;
    const idle = await admin.query(
      `SELECT ${key} FROM disk.${table} ${where} EXCEPT SELECT ${key} FROM main.runtime_${table}`,
    );
    if (idle.length === 0) continue;
    const names = idle.slice(0, 3).map((row) => Object.values(row).join(":"));
    found.push(`${idle.length} rows of ${table} are saved and do not run: ${names.join(", ")}`);
  }
  return found;
}

async function countOf(admin: AdminClient, table: string): Promise<number> {
  const [row] = await admin.query(`SELECT count(*) AS rows FROM ${table}`);
  return Number(row?.rows ?? 0);
}
