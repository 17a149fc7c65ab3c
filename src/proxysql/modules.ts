/** The part of ProxySQL's admin that one LOAD or SAVE command moves between its layers. */
export interface Module {
  /** As the commands write it: `LOAD <name> TO RUNTIME`, `SAVE <name> TO DISK`. */
  readonly name: string;
  /** Tables of its own. Without: the module is a prefix in `global_variables`. */
  readonly tables?: readonly string[];
  readonly prefix?: string;
  /** The scheduler's jobs may run on the active node only; loading it to runtime is not for whoever applies. */
  readonly neverLoad?: true;
}

/**
 * All modules of ProxySQL 2.5 to 3.0, in the order in which they are applied: users and rules name hostgroups, so
 * those come first; admin variables last, because they can move the admin's own listeners. See ProxySQL_Admin.cpp.
 */
export const modules: readonly Module[] = [
  {
    name: "MYSQL SERVERS",
    tables: [
      "mysql_servers",
      "mysql_replication_hostgroups",
      "mysql_group_replication_hostgroups",
      "mysql_galera_hostgroups",
      "mysql_aws_aurora_hostgroups",
      "mysql_hostgroup_attributes",
      "mysql_servers_ssl_params",
    ],
  },
  { name: "MYSQL USERS", tables: ["mysql_users", "mysql_ldap_mapping"] },
  { name: "MYSQL QUERY RULES", tables: ["mysql_query_rules", "mysql_query_rules_fast_routing"] },
  {
    name: "MYSQL FIREWALL",
    tables: [
      "mysql_firewall_whitelist_users",
      "mysql_firewall_whitelist_rules",
      "mysql_firewall_whitelist_sqli_fingerprints",
    ],
  },
  {
    name: "PGSQL SERVERS",
    tables: ["pgsql_servers", "pgsql_replication_hostgroups", "pgsql_hostgroup_attributes"],
  },
  { name: "PGSQL USERS", tables: ["pgsql_users", "pgsql_ldap_mapping"] },
  { name: "PGSQL QUERY RULES", tables: ["pgsql_query_rules", "pgsql_query_rules_fast_routing"] },
  {
    name: "PGSQL FIREWALL",
    tables: [
      "pgsql_firewall_whitelist_users",
      "pgsql_firewall_whitelist_rules",
      "pgsql_firewall_whitelist_sqli_fingerprints",
    ],
  },
  { name: "CLICKHOUSE USERS", tables: ["clickhouse_users"] },
  { name: "SCHEDULER", tables: ["scheduler"], neverLoad: true },
  { name: "RESTAPI", tables: ["restapi_routes"] },
  { name: "PROXYSQL SERVERS", tables: ["proxysql_servers"] },
  { name: "MYSQL VARIABLES", prefix: "mysql-" },
  { name: "PGSQL VARIABLES", prefix: "pgsql-" },
  { name: "LDAP VARIABLES", prefix: "ldap-" },
  { name: "SQLITESERVER VARIABLES", prefix: "sqliteserver-" },
  { name: "CLICKHOUSE VARIABLES", prefix: "clickhouse-" },
  { name: "ADMIN VARIABLES", prefix: "admin-" },
];
