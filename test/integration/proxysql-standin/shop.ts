import { join } from "node:path";
import type { AdminClient } from "../../support/admin-client.js";
import { connectAdmin } from "../../support/admin-client.js";
import type { MonitoredServer } from "../../support/proxysql-standin/monitor-file.js";
import {
  type AdminStatement,
  adminStatements,
  type ServerChange,
  serverChanges,
  setMonitored,
} from "../../support/standin-control.js";
import { makeScratch, until } from "./scratch.js";

/**
 * A stand-in with the recorded shop: db1 writes (10), db2 and db3 are read from (20). Its monitor looks every 100 ms,
 * and all that happens to the servers in effect is kept.
 */
export interface Shop {
  admin: AdminClient;
  readonly ports: { readonly adminPort: number; readonly clientPort: number };
  readonly datadir: string;
  /** Admin statements so far, of all sessions. */
  statements(): AdminStatement[];
  /** Every change so far, the oldest first. */
  changes(): ServerChange[];
  monitor(servers: Record<string, MonitoredServer>): void;
  /** What the stand-in has logged so far. */
  log(): string;
  /** Logs in as the application, whose hostgroup is 10. */
  client(): Promise<AdminClient>;
  /** Waits until the servers in effect are these, written as in `effective`. */
  reaches(servers: string[]): Promise<void>;
}

/** Starts it. `sql` changes its database first. */
export async function openShop(sql = ""): Promise<Shop> {
  const scratch = makeScratch();
  const ports = await scratch.place("proxysql-2.7.1-shop.db");
  const fast = "UPDATE global_variables SET variable_value='100' WHERE variable_name=";
  scratch
    .open()
    .exec(
      `${fast}'mysql-monitor_read_only_interval'; ${fast}'mysql-connect_timeout_server_max'; UPDATE mysql_servers SET hostname=substr(hostname,1,3); ${sql}`,
    );
  const trace = join(scratch.datadir, "servers.jsonl");
  const told = join(scratch.datadir, "statements.jsonl");
  const env = { PROXYSQL_STANDIN_SERVERS: trace, PROXYSQL_STANDIN_STATEMENTS: told };
  const proxysql = await scratch.start({ ...ports, env });
  const admin = await scratch.admin(proxysql);
  const changes = () => serverChanges(trace);
  return {
    admin,
    ports,
    datadir: scratch.datadir,
    statements: () => adminStatements(told),
    changes,
    monitor: (servers) => setMonitored(scratch.datadir, servers),
    log: proxysql.log,
    client: () => connectAdmin({ port: proxysql.clientPort, user: "app", password: "app-secret" }),
    reaches: (servers) =>
      until(servers.join(", "), () => effective(changes().at(-1)).join() === servers.join()),
  };
}

/** Servers as `10 db1`, with `SOFT` or `SHUNNED` if they are not ONLINE. Reads the trace: a SELECT would purge remnants. */
export function effective(change: ServerChange | undefined): string[] {
  return (change?.rows ?? []).map(({ hostgroup, host, status }) =>
    `${hostgroup} ${host} ${status.replace("OFFLINE_", "").replace("ONLINE", "")}`.trim(),
  );
}

/** Waits until the monitor has looked again, however little it found: it takes a server for SHUNNED that was not. */
export async function nextLook(shop: Shop, servers: Record<string, MonitoredServer>): Promise<void> {
  for (const shunned of [true, false]) {
    const before = shop.changes().length;
    shop.monitor({ ...servers, "db3:3306": { ...servers["db3:3306"], shunned } });
    await until("a look of the monitor", () => shop.changes().length > before);
  }
}
