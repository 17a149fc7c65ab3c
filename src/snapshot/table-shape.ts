/** A table as far as rows are copied between two databases. */
export interface TableShape {
  readonly name: string;
  readonly columns: readonly string[];
  /** The primary key's columns, in the key's order; none for a table without one. */
  readonly key: readonly string[];
}

/** One row of the query below, whoever ran it: SQLite itself gives numbers, ProxySQL's admin gives text. */
export interface ShapeRow {
  readonly table_name: unknown;
  readonly column_name: unknown;
  readonly key_position: unknown;
}

/** A query that tells the columns of all tables of one database, `main`, `disk` or an attached one. */
export function shapeQuery(schema: string): string {
  return (
    "SELECT m.name AS table_name, c.name AS column_name, c.pk AS key_position " +
    `FROM ${schema}.sqlite_master m JOIN pragma_table_info(m.name, '${schema}') c ` +
    "WHERE m.type = 'table' AND m.name NOT LIKE 'sqlite%' AND m.name NOT LIKE 'runtime%' ORDER BY m.name, c.cid"
  );
}

export function shapesOf(rows: Iterable<ShapeRow>): TableShape[] {
  const tables = new Map<string, { column: string; key: number }[]>();
  for (const row of rows) {
    const name = String(row.table_name);
    const columns = tables.get(name) ?? [];
    columns.push({ column: String(row.column_name), key: Number(row.key_position) });
    tables.set(name, columns);
  }
  return [...tables].map(([name, columns]) => ({
    name,
    columns: columns.map(({ column }) => column),
    key: columns
      .filter(({ key }) => key > 0)
      .sort((a, b) => a.key - b.key)
      .map(({ column }) => column),
  }));
}
