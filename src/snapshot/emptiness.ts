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

const protocols = ["mysql", "pgsql"];

/** From so many rows on, losing almost all of them is as suspicious as losing all. */
const manyRows = 20;
const leastShareKept = 0.1;

/** By table, the rows it had when an operator accepted that they are gone. See `accepted` in the manifest. */
export type Accepted = Readonly<Record<string, number>>;

const nothingAccepted: Accepted = {};

/** A vital table that had rows in the snapshot before and has none now, or hardly any. */
export function emptiedSince(
  before: RowCounts,
  now: RowCounts,
  accepted: Accepted = nothingAccepted,
): Refusal | undefined {
  for (const table of vitalTables) {
    const had = before[table]?.rows ?? 0;
    const has = now[table]?.rows ?? 0;
    if (had === 0 || !isSuspicious(had, has) || Object.hasOwn(accepted, table)) continue;
    const left = has === 0 ? "none" : `only ${has}`;
    return suspicious(`${table} had ${had} rows in the snapshot before and has ${left} now.`);
  }
  return undefined;
}

/** Every row gone, or almost all of many. */
function isSuspicious(had: number, has: number): boolean {
  return has === 0 || (had >= manyRows && has < had * leastShareKept);
}

/**
 * What a snapshot's manifest is to say of accepted emptiness: what was accepted before it for as long as it lasts, since
 * a receiver may have missed the snapshots between; and with `accept` what is suspicious in this one, or would be to a
 * receiver that has other rows than the snapshot before.
 */
export function acceptedIn(
  now: RowCounts,
  before: { readonly tables: RowCounts; readonly accepted: Accepted } | undefined,
  accept: boolean,
): Accepted {
  const rows = (table: string): number => now[table]?.rows ?? 0;
  const lasting = Object.entries(before?.accepted ?? {}).filter(([table, had]) =>
    isSuspicious(had, rows(table)),
  );
  if (!accept) return Object.fromEntries(lasting);
  const fresh = vitalTables
    .map((table): [string, number] => [table, before?.tables[table]?.rows ?? 0])
    .filter(([table, had]) => isSuspicious(had, rows(table)) && (had > 0 || Object.hasOwn(now, table)));
  return Object.fromEntries([...fresh, ...lasting]);
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
export function looksHalfSaved(now: RowCounts, accepted: Accepted = nothingAccepted): Refusal | undefined {
  const asked = protocols.filter((protocol) => !Object.hasOwn(accepted, `${protocol}_servers`));
  return asked.map((protocol) => halfSaved(now, protocol)).find((refusal) => refusal !== undefined);
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
    `${fact} If that is meant, run proxysql-carp snapshot verify --accept on the active node.`,
  );
}
