import { KnownError } from "../platform/errors.js";
import type { AdminClient } from "./admin-client.js";

/**
 * What must be in runtime if it is in memory: the key columns of each module's main table, and which rows count.
 * Monitor moves rows between hostgroups and shuns them, so a server is compared by its address alone.
 */
const runtimeRules = [
  { table: "mysql_servers", key: "hostname,port", where: "WHERE status<>'OFFLINE_HARD'" },
  { table: "mysql_users", key: "username", where: "WHERE active=1" },
  { table: "mysql_query_rules", key: "rule_id", where: "WHERE active=1" },
  { table: "pgsql_servers", key: "hostname,port", where: "WHERE status<>'OFFLINE_HARD'" },
  { table: "pgsql_users", key: "username", where: "WHERE active=1" },
  { table: "pgsql_query_rules", key: "rule_id", where: "WHERE active=1" },
] as const;

/**
 * Proves that ProxySQL runs what its tables hold and, if `rows` names them, that the tables hold as many rows as they
 * should: ProxySQL drops a table whose definition it does not like at start, without a word. Throws
 * `proxysql-unproven` naming the first table that falls short.
 */
export async function proveContent(
  admin: AdminClient,
  rows: Readonly<Record<string, number>>,
): Promise<void> {
  const present = new Set((await admin.query("SHOW TABLES FROM main")).map((row) => row.tables));
  for (const [table, expected] of Object.entries(rows)) {
    const found = present.has(table) ? await countOf(admin, `main.${table}`) : 0;
    if (found < expected) {
      throw new KnownError(
        "proxysql-unproven",
        `ProxySQL has ${found} rows in ${table}, the installed snapshot ${expected}.`,
        { table, found, expected },
      );
    }
  }
  for (const { table, key, where } of runtimeRules) {
    if (!present.has(table)) continue;
    const missing = await admin.query(
      `SELECT ${key} FROM main.${table} ${where} EXCEPT SELECT ${key} FROM main.runtime_${table}`,
    );
    if (missing.length > 0) {
      const names = missing.slice(0, 3).map((row) => Object.values(row).join(":"));
      throw new KnownError(
        "proxysql-unproven",
        `ProxySQL does not run ${missing.length} rows of ${table}: ${names.join(", ")}.`,
        { table, missing: missing.length },
      );
    }
  }
}

async function countOf(admin: AdminClient, table: string): Promise<number> {
  const [row] = await admin.query(`SELECT count(*) AS rows FROM ${table}`);
  return Number(row?.rows ?? 0);
}
