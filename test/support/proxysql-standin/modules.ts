/** A configuration module: what `LOAD X ...` and `SAVE X ...` move between disk, memory and runtime. */
export interface Module {
  /** As written in commands, for instance `MYSQL SERVERS`. */
  name: string;
  kind: "tables" | "users" | "variables";
  tables: string[];
  /** Names of the module in `runtime_checksums_values`. */
  checksums: string[];
  /** Prefix of the module's variables, for instance `mysql-`. */
  prefix: string;
}

/** Where a command moves a module's content from and to. */
export type Move =
  | "disk-to-memory"
  | "memory-to-disk"
  | "memory-to-runtime"
  | "runtime-to-memory"
  | "config-to-memory";

const SERVER_TABLES = [
  "mysql_servers",
  "mysql_replication_hostgroups",
  "mysql_group_replication_hostgroups",
  "mysql_galera_hostgroups",
  "mysql_aws_aurora_hostgroups",
  "mysql_hostgroup_attributes",
  "mysql_servers_ssl_params",
];
const MODULES: readonly Module[] = [
  tables("MYSQL SERVERS", SERVER_TABLES, ["mysql_servers", "mysql_servers_v2"]),
  { name: "MYSQL USERS", kind: "users", tables: ["mysql_users"], checksums: ["mysql_users"], prefix: "" },
  tables("MYSQL QUERY RULES", ["mysql_query_rules", "mysql_query_rules_fast_routing"], ["mysql_query_rules"]),
  tables("MYSQL FIREWALL", [
    "mysql_firewall_whitelist_users",
    "mysql_firewall_whitelist_rules",
    "mysql_firewall_whitelist_sqli_fingerprints",
  ]),
  variables("MYSQL VARIABLES", "mysql-", "mysql_variables"),
  variables("ADMIN VARIABLES", "admin-", "admin_variables"),
  tables("SCHEDULER", ["scheduler"]),
  tables("RESTAPI", ["restapi_routes"]),
  tables("PROXYSQL SERVERS", ["proxysql_servers"], ["proxysql_servers"]),
  tables(
    "PGSQL SERVERS",
    ["pgsql_servers", "pgsql_replication_hostgroups", "pgsql_hostgroup_attributes"],
    ["pgsql_servers"],
  ),
  { name: "PGSQL USERS", kind: "users", tables: ["pgsql_users"], checksums: ["pgsql_users"], prefix: "" },
  tables("PGSQL QUERY RULES", ["pgsql_query_rules", "pgsql_query_rules_fast_routing"], ["pgsql_query_rules"]),
  tables("PGSQL FIREWALL", [
    "pgsql_firewall_whitelist_users",
    "pgsql_firewall_whitelist_rules",
    "pgsql_firewall_whitelist_sqli_fingerprints",
  ]),
  // 3.0.0-alpha lists a checksum of these variables but never computes it.
  { name: "PGSQL VARIABLES", kind: "variables", tables: [], checksums: [], prefix: "pgsql-" },
];

/** The modules of a version, limited to the tables it has. PostgreSQL modules came with 3.0. */
export function modulesFor(tableNames: ReadonlySet<string>): Module[] {
  const withPgsql = tableNames.has("pgsql_servers");
  return MODULES.filter((module) => withPgsql || !module.name.startsWith("PGSQL ")).map((module) => ({
    ...module,
    tables: module.tables.filter((table) => tableNames.has(table)),
  }));
}

/** Finds module and direction of a LOAD or SAVE. ProxySQL compares the whole text, ignoring only case. */
export function parseMove(
  modules: readonly Module[],
  query: string,
): { module: Module; move: Move } | undefined {
  const match = /^(LOAD|SAVE) (.+) (FROM|TO) (DISK|MEMORY|MEM|RUNTIME|RUN|CONFIG)$/i.exec(query);
  if (match === null) return undefined;
  const [, verb = "", name = "", preposition = "", place = ""] = match.map((part) => part.toUpperCase());
  const module = modules.find((candidate) => candidate.name === name);
  const move = direction(verb, preposition, place);
  return module === undefined || move === undefined ? undefined : { module, move };
}

function direction(verb: string, preposition: string, place: string): Move | undefined {
  const layer = place.startsWith("MEM") ? "MEMORY" : place.startsWith("RUN") ? "RUNTIME" : place;
  switch (`${verb} ${preposition} ${layer}`) {
    case "LOAD FROM DISK":
    case "LOAD TO MEMORY":
      return "disk-to-memory";
    case "SAVE TO DISK":
    case "SAVE FROM MEMORY":
      return "memory-to-disk";
    case "LOAD TO RUNTIME":
    case "LOAD FROM MEMORY":
      return "memory-to-runtime";
    case "SAVE FROM RUNTIME":
    case "SAVE TO MEMORY":
      return "runtime-to-memory";
    case "LOAD FROM CONFIG":
      return "config-to-memory";
    default:
      return undefined;
  }
}

function tables(name: string, names: string[], checksums: string[] = []): Module {
  return { name, kind: "tables", tables: names, checksums, prefix: "" };
}

function variables(name: string, prefix: string, checksum: string): Module {
  return { name, kind: "variables", tables: [], checksums: [checksum], prefix };
}
