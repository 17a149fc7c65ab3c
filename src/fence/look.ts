import type { AdminRow } from "../proxysql/admin-client.js";
import { comparisons, countQuery } from "../proxysql/drift-queries.js";
import { modules } from "../proxysql/modules.js";
import { readAdminTables } from "../proxysql/table-shapes.js";
import type { ServersSeen } from "./plan.js";
import type { HostgroupPair, ServerRow, ServerStatus } from "./rows.js";

/** ProxySQL's admin as far as fencing needs it. */
export interface FenceAdmin {
  query(sql: string): Promise<AdminRow[]>;
  exec(sql: string): Promise<void>;
}

/** Those that LOAD and SAVE MYSQL SERVERS move as one (lib/ProxySQL_Admin.cpp:111-119). */
const serverTables: readonly string[] = modules.find(({ name }) => name === "MYSQL SERVERS")?.tables ?? [];

/** What does not change while ProxySQL runs: which tables and columns this version has, and how to look at them. */
export interface FenceShape {
  readonly columns: readonly string[];
  /** Of each table of the module that is there: its columns, and its key. */
  readonly tables: ReadonlyMap<
    string,
    { readonly columns: readonly string[]; readonly key: readonly string[] }
  >;
  readonly lookQuery: string;
}

export interface FenceLook extends ServersSeen {
  readonly disk: readonly ServerRow[];
  /** Tables of the module whose rows in memory are not those on disk: somebody is editing, or has not saved. */
  readonly edited: readonly string[];
}

const rowColumns = "hostgroup_id, hostname, port, status";

/** Rows that a ProxySQL which starts now would use. */
const onDiskInUse = `SELECT 'disk' AS layer, ${rowColumns} FROM disk.mysql_servers WHERE status NOT IN ('OFFLINE_SOFT','OFFLINE_HARD')`;

/**
 * Which servers the runtime uses, and how; with `withDisk` also which rows the disk would have it use. One statement.
 */
export async function readInUse(
  admin: FenceAdmin,
  withDisk: boolean,
): Promise<Required<Pick<ServersSeen, "runtime" | "disk">>> {
  const runtime = `SELECT 'runtime' AS layer, ${rowColumns} FROM runtime_mysql_servers`;
  const rows = await admin.query(withDisk ? `${runtime} UNION ALL ${onDiskInUse}` : runtime);
  const of = (layer: string): ServerRow[] => rows.filter((row) => row.layer === layer).map(serverRow);
  return { runtime: of("runtime"), disk: of("disk") };
}

export async function readShape(admin: FenceAdmin): Promise<FenceShape> {
  const [main, disk] = [await readAdminTables(admin, "main"), await readAdminTables(admin, "disk")];
  const there = (tables: typeof main): typeof main =>
    tables.filter(({ name }) => serverTables.includes(name));
  const [inMemory, onDisk] = [there(main), there(disk)];
  const edits = comparisons({ main: inMemory, disk: onDisk, active: false });
  const hasPairs = inMemory.some(({ name }) => name === "mysql_replication_hostgroups");
  const parts = [
    `SELECT 'runtime' AS layer, ${rowColumns} FROM runtime_mysql_servers`,
    `SELECT 'memory', ${rowColumns} FROM main.mysql_servers`,
    `SELECT 'disk', ${rowColumns} FROM disk.mysql_servers`,
    ...(hasPairs
      ? ["SELECT 'pair', writer_hostgroup, '', reader_hostgroup, '' FROM main.mysql_replication_hostgroups"]
      : []),
    `SELECT 'edited', 0, table_name, 0, '' FROM (${countQuery(edits)})`,
  ];
  return {
    columns: inMemory.find(({ name }) => name === "mysql_servers")?.columns ?? [],
    tables: new Map(inMemory.map(({ name, columns, key }) => [name, { columns, key }])),
    lookQuery: parts.join(" UNION ALL "),
  };
}

/** All that a plan depends on, in one statement: the admin holds its lock for each. */
export async function lookAtServers(admin: FenceAdmin, { lookQuery }: FenceShape): Promise<FenceLook> {
  const rows = await admin.query(lookQuery);
  const of = (layer: string): AdminRow[] => rows.filter((row) => row.layer === layer);
  return {
    runtime: of("runtime").map(serverRow),
    memory: of("memory").map(serverRow),
    disk: of("disk").map(serverRow),
    pairs: of("pair").map(
      (row): HostgroupPair => ({ writer: Number(row.hostgroup_id), reader: Number(row.port) }),
    ),
    edited: of("edited").flatMap(({ hostname }) => hostname ?? []),
  };
}

export function serverRow(row: AdminRow): ServerRow {
  return {
    hostgroup: Number(row.hostgroup_id),
    host: row.hostname ?? "",
    port: Number(row.port),
    status: (row.status ?? "ONLINE").toUpperCase() as ServerStatus,
  };
}
