import type { ClientPort } from "./client-port.js";
import { placeOf } from "./hostgroups.js";
import type { SqlConnection, SqlValue } from "./layers.js";
import type { Runtime } from "./runtime.js";
import { GLOBAL_STATS } from "./stats-names.js";

// Column of mysql_users, by position.
const FRONTEND = 10;

/** Counters behind the `stats_*` tables. */
export interface StatsSource {
  runtime: Runtime;
  client: ClientPort;
  /** When ProxySQL started, in milliseconds since 1970. */
  startedAt: number;
}

/** Refills the statistics tables that a query names; the others keep what they had, as in ProxySQL. */
export async function refreshStats(
  query: string,
  connection: SqlConnection,
  schema: string,
  source: StatsSource,
): Promise<void> {
  if (/stats_mysql_global|show mysql status|^select @@/i.test(query)) {
    await refill(connection, `${schema}.stats_mysql_global`, globalRows(source));
  }
  if (/processlist/i.test(query)) {
    await refill(connection, `${schema}.stats_mysql_processlist`, source.client.processlist());
  }
  if (query.includes("stats_mysql_connection_pool")) {
    await refill(connection, `${schema}.stats_mysql_connection_pool`, poolRows(source));
  }
  if (query.includes("stats_mysql_users")) {
    await refill(connection, `${schema}.stats_mysql_users`, userRows(source));
  }
}

async function refill(connection: SqlConnection, table: string, rows: SqlValue[][]): Promise<void> {
  await connection.query(`DELETE FROM ${table}`);
  connection.insert(table, rows);
}

function globalRows(source: StatsSource): SqlValue[][] {
  const client = source.client;
  const values: Record<string, string | number> = {
    ProxySQL_Uptime: Math.floor((Date.now() - source.startedAt) / 1000),
    Client_Connections_connected: client.sessions.size,
    Client_Connections_created: client.created,
    Client_Connections_aborted: client.denied,
    Access_Denied_Wrong_Password: client.denied,
    Questions: client.questions,
    Active_Transactions: client.transactions(),
    Servers_table_version: source.runtime.checksums.get("mysql_servers")?.version ?? 0,
    MySQL_Thread_Workers: source.runtime.variable("mysql-threads"),
    Stmt_Max_Stmt_id: 1,
    mysql_listener_paused: String(client.paused),
  };
  return GLOBAL_STATS.map((name) => [name, String(values[name] ?? 0)]);
}

function poolRows(source: StatsSource): SqlValue[][] {
  return source.runtime.servers.rowsWithRemnants.map((row) => {
    const [hostgroup, host, port, , status] = row;
    const used = source.client.connectionsTo(placeOf(row));
    return [hostgroup ?? 0, host ?? "", port ?? 0, status ?? "", used, 0, used, 0, used, 0, 0, 0, 0, 0];
  });
}

function userRows(source: StatsSource): SqlValue[][] {
  const names = new Set(
    source.runtime
      .rows("mysql_users")
      .filter((row) => Number(row[FRONTEND]) === 1)
      .map((row) => String(row[0])),
  );
  return [...names].map((name) => [name, source.client.sessionsOf(name), 10000]);
}
