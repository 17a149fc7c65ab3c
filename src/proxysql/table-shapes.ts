import type { AdminRow } from "./admin-client.js";
import type { AdminTable } from "./drift-queries.js";

/** The tables of one of the admin's schemas with their columns and keys, as this version of ProxySQL has them. */
export async function readAdminTables(
  admin: { query(sql: string, deadlineMs?: number): Promise<AdminRow[]> },
  schema: "main" | "disk",
  deadlineMs?: number,
): Promise<AdminTable[]> {
  const rows = await admin.query(
    "SELECT m.name AS table_name, c.name AS column_name, c.pk AS key_position " +
      `FROM ${schema}.sqlite_master m JOIN pragma_table_info(m.name, '${schema}') c ` +
      "WHERE m.type = 'table' AND m.name NOT LIKE 'sqlite%' ORDER BY m.name, c.cid",
    deadlineMs,
  );
  const tables = new Map<string, { column: string; position: number }[]>();
  for (const { table_name, column_name, key_position } of rows) {
    const columns = tables.get(table_name ?? "") ?? [];
    columns.push({ column: column_name ?? "", position: Number(key_position) });
    tables.set(table_name ?? "", columns);
  }
  return [...tables].map(([name, columns]) => ({
    name,
    columns: columns.map(({ column }) => column),
    key: columns
      .filter(({ position }) => position > 0)
      .sort((a, b) => a.position - b.position)
      .map(({ column }) => column),
  }));
}
