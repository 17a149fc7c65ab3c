import type { AdminClient } from "../proxysql/admin-client.js";
import { missingRows } from "./missing-rows.js";
import { columnList, identifier } from "./sql-text.js";
import { type ShapeRow, shapesOf } from "./table-shape.js";

/** Which rows of a table must run, and which of their columns runtime tells in the words in which they were saved. */
interface RuntimeRule {
  readonly where: string;
  readonly columns: readonly string[];
}

const servers: RuntimeRule = {
  where: "upper(status) <> 'OFFLINE_HARD'",
  columns: ["hostgroup_id", "hostname", "port", "weight", "max_connections"],
};
/** A user that is frontend and backend runs as two rows, and its password may be hashed there. */
const users: RuntimeRule = {
  where: "active = 1 AND (frontend = 1 OR backend = 1)",
  columns: ["username", "default_hostgroup", "max_connections"],
};
const queryRules: RuntimeRule = {
  where: "active = 1",
  columns: [
    "rule_id",
    "username",
    "schemaname",
    "match_digest",
    "match_pattern",
    "replace_pattern",
    "destination_hostgroup",
    "apply",
  ],
};

/** Tables with a rule of their own. Of the others every row runs, as it was saved but for columns that hold JSON. */
const rules: Readonly<Record<string, RuntimeRule>> = {
  mysql_servers: servers,
  pgsql_servers: servers,
  mysql_users: users,
  pgsql_users: users,
  mysql_query_rules: queryRules,
  pgsql_query_rules: queryRules,
};
const jsonColumns = ["servers_defaults", "hostgroup_settings", "attributes"];

/** The tables of main, those of runtime among them, which `shapeQuery` leaves out. */
const mainShapes =
  "SELECT m.name AS table_name, c.name AS column_name, c.pk AS key_position " +
  "FROM main.sqlite_master m JOIN pragma_table_info(m.name, 'main') c " +
  "WHERE m.type = 'table' AND m.name NOT LIKE 'sqlite%' ORDER BY m.name, c.cid";

/**
 * What of a scratch ProxySQL's memory does not run; nothing if all does. On a live one monitor and operators move and
 * shun servers. Nothing works on this one, so that rows must agree and not only names.
 */
export async function runtimeDifferences(admin: AdminClient): Promise<string[]> {
  const shapes = shapesOf((await admin.query(mainShapes)) as unknown as ShapeRow[]);
  const tables = new Map(shapes.map((table) => [table.name, table]));
  const found: string[] = [];
  for (const { name, columns, key } of shapes) {
    const running = tables.get(`runtime_${name}`);
    if (running === undefined || name === "global_variables") continue;
    const rule = rules[name] ?? { where: "1", columns: columns.filter((one) => !jsonColumns.includes(one)) };
    const both = rule.columns.filter((one) => columns.includes(one) && running.columns.includes(one));
    const idle = await missingRows(
      admin,
      `SELECT ${columnList(both)} FROM main.${identifier(name)} WHERE ${rule.where}`,
      `SELECT ${columnList(both)} FROM main.${identifier(running.name)}`,
      key.filter((column) => both.includes(column)),
    );
    if (idle !== undefined) found.push(`${name} has ${idle} that do not run`);
  }
  return found;
}
