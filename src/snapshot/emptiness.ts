import { type Refusal, refuse } from "./refusal.js";

/** Row counts by table. */
export type RowCounts = Readonly<Record<string, { readonly rows: number }>>;

/** Tables without whose rows ProxySQL serves nobody, or serves them wrongly. */
const vitalTables = [
  "mysql_servers",
  "mysql_users",
  "mysql_replication_hostgroups",
  "mysql_group_replication_hostgroups",
  "mysql_galera_hostgroups",
  "pgsql_servers",
  "pgsql_users",
  "pgsql_replication_hostgroups",
];

/** From so many rows on, losing almost all of them is as suspicious as losing all. */
const manyRows = 20;
const leastShareKept = 0.1;

/** A vital table that had rows in the snapshot before and has none now, or hardly any. */
export function emptiedSince(before: RowCounts, now: RowCounts): Refusal | undefined {
  for (const table of vitalTables) {
    const had = before[table]?.rows ?? 0;
    const has = now[table]?.rows ?? 0;
    if (had === 0) continue;
    if (has === 0) return suspicious(`${table} had ${had} rows in the snapshot before and has none now.`);
    if (had >= manyRows && has < had * leastShareKept) {
      return suspicious(`${table} had ${had} rows in the snapshot before and has only ${has} now.`);
    }
  }
  return undefined;
}

/** False for a ProxySQL that nobody has configured yet: it has variables and no more. */
export function isConfigured(now: RowCounts): boolean {
  const bare = new Set(["global_variables", "global_settings", "mysql_collations"]);
  return Object.entries(now).some(([name, { rows }]) => rows > 0 && !bare.has(name));
}

/**
 * The half state of `SAVE MYSQL SERVERS TO DISK`, which deletes and inserts in separate commits: a file that was
 * copied in between is sound, and empty of servers. Only of use for a file not taken through ProxySQL's admin.
 */
export function looksHalfSaved(now: RowCounts): Refusal | undefined {
  return halfSaved(now, "mysql") ?? halfSaved(now, "pgsql");
}

function halfSaved(now: RowCounts, protocol: string): Refusal | undefined {
  const rows = (table: string): number => now[`${protocol}_${table}`]?.rows ?? 0;
  if (rows("servers") > 0 || (rows("replication_hostgroups") === 0 && rows("users") === 0)) return undefined;
  return suspicious(
    `${protocol}_servers is empty, although there are ${protocol} users or replication hostgroups.`,
  );
}

function suspicious(fact: string): Refusal {
  return refuse(
    "suspiciously-empty",
    `${fact} If that is meant, run proxysql-carp snapshot take --accept on the active node.`,
  );
}
