import { literal } from "./sql-text.js";

type Rewrite = (match: RegExpExecArray, version: string, user: string) => string;

const TABLES = "SELECT name AS tables FROM";
const NOT_SEQUENCE = "WHERE type='table' AND name NOT IN ('sqlite_sequence') ORDER BY name";
const VARIABLES = "SELECT variable_name AS Variable_name, variable_value AS Value FROM global_variables";

/** MySQL-like statements that the admin turns into SQLite's (lib/ProxySQL_Admin.cpp:4660-5390), first match wins. */
const REWRITES: readonly (readonly [RegExp, Rewrite])[] = [
  [/^select @@version_comment limit 1$/i, () => "SELECT '(ProxySQL Admin Module)'"],
  [/^select (current_user|user)\(\)$/i, (m, _v, user) => `SELECT ${literal(user)} AS '${m[1]}()'`],
  [/^select @@version/i, (_m, version) => `SELECT '${version}' AS '@@version'`],
  [/^select version\(\)/i, (_m, version) => `SELECT '${version}' AS 'version()'`],
  [
    /^select database\(\)( as name)?$/i,
    (m) => `SELECT 'admin' AS '${m[1] === undefined ? "DATABASE()" : "name"}'`,
  ],
  [
    /^select @@max_allowed_packet$/i,
    () =>
      "SELECT variable_value AS '@@max_allowed_packet' FROM global_variables WHERE variable_name='mysql-max_allowed_packet'",
  ],
  [
    /^\w+ +@@([\w-]+) *$/,
    (m) =>
      `SELECT variable_value AS '@@${m[1]}' FROM global_variables WHERE variable_name='${m[1]}' COLLATE NOCASE ` +
      `UNION ALL SELECT variable_value AS '@@${m[1]}' FROM stats.stats_mysql_global WHERE variable_name='${m[1]}' COLLATE NOCASE`,
  ],
  [
    /^show global variables like 'version'/i,
    (_m, version) => `SELECT 'version' Variable_name, '${version}' Value`,
  ],
  [/^show variables where (.*)$/i, (m) => `${VARIABLES} WHERE ${m[1]}`],
  [/^show variables like (.*)$/i, (m) => `${VARIABLES} WHERE variable_name LIKE ${m[1]}`],
  [/^show tables$/i, () => `${TABLES} sqlite_master ${NOT_SEQUENCE}`],
  [/^show tables (?:in|from) (.+)$/i, (m) => `${TABLES} ${m[1]}.sqlite_master ${NOT_SEQUENCE}`],
  [
    /^show tables like (.+)$/i,
    (m) => `${TABLES} sqlite_master WHERE type='table' AND name LIKE '${m[1]?.replace(/[\\`']/g, "")}'`,
  ],
  [/^show mysql users$/i, () => "SELECT * FROM mysql_users ORDER BY username, active DESC, username ASC"],
  [/^show mysql servers$/i, () => "SELECT * FROM mysql_servers ORDER BY hostgroup_id, hostname, port"],
  [/^show ((global|all) )?variables$/i, () => `${VARIABLES} ORDER BY variable_name`],
  [
    /^show (admin|mysql|pgsql) variables$/i,
    (m) => `${VARIABLES} WHERE variable_name LIKE '${m[1]?.toLowerCase()}-%' ORDER BY variable_name`,
  ],
  [
    /^show mysql status$/i,
    () =>
      "SELECT Variable_Name AS Variable_name, Variable_Value AS Value FROM stats_mysql_global ORDER BY variable_name",
  ],
  [/^show create table (?:`?(\w+)`?\.)?`?(\w+)`?$/i, (m) => showCreateTable(m[1] ?? "main", m[2] ?? "")],
  [/^show fields from `?(\w+)`?$/i, (m) => showFields(m[1] ?? "")],
  [/^show (databases|schemas)$/i, () => "PRAGMA DATABASE_LIST"],
  [/^show full processlist$/i, () => "SELECT * FROM stats_mysql_processlist"],
  [
    /^show processlist$/i,
    () =>
      "SELECT SessionID, user, db, hostgroup, command, time_ms, SUBSTR(info,0,100) info FROM stats_mysql_processlist",
  ],
];

/** The SQL that SQLite shall run for a query; the query itself when ProxySQL leaves it alone. */
export function rewrite(query: string, normalised: string, version: string, user: string): string {
  for (const [pattern, replace] of REWRITES) {
    const match = pattern.exec(normalised);
    if (match !== null) return replace(match, version, user);
  }
  return query;
}

function showCreateTable(schema: string, table: string): string {
  const opening = `'CREATE TABLE ${table} ('`;
  return (
    `SELECT name AS 'table' , REPLACE(REPLACE(sql,' , ', X'2C0A20202020'),${opening},${opening}||X'0A20202020') ` +
    `AS 'Create Table' FROM ${schema}.sqlite_master WHERE type='table' AND name='${table}'`
  );
}

function showFields(table: string): string {
  return (
    "SELECT name AS Field, 'varchar(255)' AS Type, CASE \"notnull\" WHEN 0 THEN 'YES' ELSE 'NO' END AS 'Null', " +
    "CASE pk WHEN 0 THEN '' ELSE 'PRI' END AS 'Key', '' AS 'Default', '' AS Extra " +
    `FROM pragma_table_info('${table}')`
  );
}
