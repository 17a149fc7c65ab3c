/** A table of the admin's `main`, with the columns of its primary key in that key's order. */
export interface AdminTable {
  readonly name: string;
  readonly columns: readonly string[];
  readonly key: readonly string[];
}

export type DriftLayer = "memory" | "runtime";

/** How two layers of one table are compared: rows that only one has, and rows that only the other has. */
export interface Comparison {
  readonly table: string;
  readonly layer: DriftLayer;
  readonly differences: readonly string[];
  /** What names a row to people. */
  readonly key: readonly string[];
}

export interface Layers {
  readonly main: readonly AdminTable[];
  readonly disk: readonly AdminTable[];
  /** Jobs run on the active node only: on the other an empty runtime scheduler is as it should be. */
  readonly active: boolean;
}

/** Not a configuration that is saved: one host's own, always empty, or compared by name and value. */
const left = new Set(["global_variables", "global_settings", "mysql_collations", "coredump_filters"]);
/** ProxySQL writes these in another form into runtime, or not at all (seen with 2.7.1). */
const rewritten: Readonly<Record<string, readonly string[]>> = {
  query_rules: ["digest", "re_modifiers"],
  users: ["password", "default_schema", "frontend", "backend", "attributes", "comment", "use_ssl"],
};
const userTables = ["mysql_users", "pgsql_users"];
const serverTables = ["mysql_servers", "pgsql_servers"];
const ruleTables = ["mysql_query_rules", "pgsql_query_rules"];
/** Can have a million rows, and filling its runtime table would hold the admin for that long. */
const bigTables = ["mysql_query_rules_fast_routing", "pgsql_query_rules_fast_routing"];

/**
 * What is to be compared: memory with disk, then runtime with memory, for every table that is there in both, whatever
 * ProxySQL's version. What its monitor does to servers is no drift: it moves them between the hostgroups of a pair,
 * and shuns them.
 */
export function comparisons({ main, disk, active }: Layers): Comparison[] {
  const byName = new Map(main.map((table) => [table.name, table]));
  const onDisk = new Map(disk.map((table) => [table.name, table]));
  return main.flatMap((table) => {
    const saved = onDisk.get(table.name);
    if (saved === undefined || left.has(table.name)) return [];
    const columns = table.columns.filter((name) => saved.columns.includes(name));
    if (columns.length === 0) return [];
    const found = [memoryWithDisk({ ...table, columns }, byName)];
    const running = byName.get(`runtime_${table.name}`);
    if (running !== undefined && !bigTables.includes(table.name) && (active || table.name !== "scheduler")) {
      const both = columns.filter((name) => running.columns.includes(name));
      found.push(runtimeWithMemory({ ...table, columns: both }, byName));
    }
    return found;
  });
}

function memoryWithDisk(table: AdminTable, present: ReadonlyMap<string, AdminTable>): Comparison {
  const isServers = serverTables.includes(table.name);
  const rows = (layer: string): string => {
    const columns = table.columns.map((name) =>
      isServers && name === "hostgroup_id"
        ? `${homeHostgroup(table.name, present)} AS hostgroup_id`
        : quote(name),
    );
    return `SELECT ${columns.join(", ")} FROM ${layer}.${quote(table.name)} AS s`;
  };
  return {
    table: table.name,
    layer: "memory",
    differences: [except(rows("main"), rows("disk")), except(rows("disk"), rows("main"))],
    key: isServers ? ["hostname", "port"] : keyOf(table),
  };
}

function runtimeWithMemory(table: AdminTable, present: ReadonlyMap<string, AdminTable>): Comparison {
  const { name } = table;
  const runtime = `main.${quote(`runtime_${name}`)}`;
  if (serverTables.includes(name)) {
    const rows = (from: string): string => `SELECT hostname, port FROM ${from} WHERE status<>'OFFLINE_HARD'`;
    const [memory, running] = [rows(`main.${quote(name)}`), rows(runtime)];
    const discovered = tablesThatFindServers(name).filter((one) => present.has(one));
    const differences = [except(memory, running), unlessAny(discovered, except(running, memory))];
    return { table: name, layer: "runtime", differences, key: ["hostname", "port"] };
  }
  if (userTables.includes(name)) return runtimeUsers(table, runtime, present);
  const isRules = ruleTables.includes(name);
  const columns = table.columns.filter((one) => !isRules || !rewritten.query_rules?.includes(one)).map(quote);
  const memory = `SELECT ${columns.join(", ")} FROM main.${quote(name)}${isRules ? " WHERE active=1" : ""}`;
  const running = `SELECT ${columns.join(", ")} FROM ${runtime}`;
  return {
    table: name,
    layer: "runtime",
    differences: [except(memory, running), except(running, memory)],
    key: keyOf(table),
  };
}

/** Runtime has active users alone, a row for the client side and one for the server side. */
function runtimeUsers(
  table: AdminTable,
  runtime: string,
  present: ReadonlyMap<string, AdminTable>,
): Comparison {
  const columns = table.columns
    .filter((one) => !rewritten.users?.includes(one))
    .map(quote)
    .join(", ");
  const sides = ["frontend", "backend"];
  const memory = sides
    .map(
      (side) =>
        `SELECT '${side}' AS side, ${columns} FROM main.${quote(table.name)} WHERE active=1 AND ${side}=1`,
    )
    .join(" UNION ALL ");
  const running = `SELECT CASE WHEN frontend=1 THEN 'frontend' ELSE 'backend' END AS side, ${columns} FROM ${runtime}`;
  const mapped = [`${table.name.slice(0, 5)}_ldap_mapping`].filter((one) => present.has(one));
  return {
    table: table.name,
    layer: "runtime",
    differences: [
      except(`SELECT * FROM (${memory})`, running),
      unlessAny(mapped, except(running, `SELECT * FROM (${memory})`)),
    ],
    key: ["username"],
  };
}

/**
 * The writer hostgroup that a server's hostgroup belongs to, or itself. ProxySQL 2.5.0's monitor moves servers between
 * them in memory too (read_only_action, v1), later ones in runtime alone.
 */
function homeHostgroup(servers: string, present: ReadonlyMap<string, AdminTable>): string {
  const protocol = servers.slice(0, 5);
  const members = ["reader_hostgroup", "backup_writer_hostgroup", "offline_hostgroup"];
  const pairs = ["replication", "group_replication", "galera", "aws_aurora"].flatMap((kind) => {
    const table = present.get(`${protocol}_${kind}_hostgroups`);
    if (table === undefined || !table.columns.includes("writer_hostgroup")) return [];
    return members
      .filter((member) => table.columns.includes(member))
      .map((member) => `SELECT writer_hostgroup AS home, ${member} AS member FROM main.${quote(table.name)}`);
  });
  if (pairs.length === 0) return "s.hostgroup_id";
  return `coalesce((SELECT min(home) FROM (${pairs.join(" UNION ALL ")}) WHERE member = s.hostgroup_id), s.hostgroup_id)`;
}

/** Where the monitor adds servers to runtime that it has found itself. */
function tablesThatFindServers(servers: string): string[] {
  const protocol = servers.slice(0, 5);
  return [`${protocol}_aws_aurora_hostgroups`, `${protocol}_group_replication_hostgroups`];
}

/** How many rows differ in each comparison, those alone where some do. A changed row counts once. */
export function countQuery(all: readonly Comparison[]): string {
  const parts = all.map(({ table, layer, differences }) => {
    const counts = differences.map((difference) => `(SELECT count(*) FROM (${difference}))`);
    return `SELECT '${table}' AS table_name, '${layer}' AS layer_name, max(${counts.join(", ")}) AS row_count`;
  });
  return `SELECT * FROM (${parts.join(" UNION ALL ")}) WHERE row_count > 0`;
}

/** The names of some rows that differ. */
export function exampleQuery({ differences, key }: Comparison, limit: number): string {
  const columns = key.map(quote).join(", ");
  const rows = differences.map((difference) => `SELECT ${columns} FROM (${difference})`).join(" UNION ");
  return `SELECT * FROM (${rows}) LIMIT ${limit}`;
}

function keyOf({ columns, key }: AdminTable): readonly string[] {
  const whole = key.length > 0 && key.every((name) => columns.includes(name));
  return whole ? key : columns.slice(0, 1);
}

function except(some: string, others: string): string {
  return `${some} EXCEPT ${others}`;
}

function unlessAny(tables: readonly string[], rows: string): string {
  if (tables.length === 0) return rows;
  const none = tables.map((table) => `NOT EXISTS (SELECT 1 FROM main.${quote(table)})`).join(" AND ");
  return `SELECT * FROM (${rows}) WHERE ${none}`;
}

function quote(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}
