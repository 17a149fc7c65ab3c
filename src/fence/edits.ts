import { indexOf, type Latch } from "./latch.js";
import type { FenceAdmin, FenceShape } from "./look.js";
import { serverRow } from "./look.js";
import { isOffline } from "./rows.js";
import { literal } from "./sql.js";

type Row = Readonly<Record<string, string | null>>;

/** What an operator has in memory and not on disk, put aside while memory is used for a fence. */
export type Edits = ReadonlyMap<string, readonly Row[]>;

/** Rows in one statement: some megabytes of text at most. */
const batch = 500;

/** Reads these tables of memory whole. */
export async function readEdits(admin: FenceAdmin, tables: readonly string[]): Promise<Edits> {
  const edits = new Map<string, readonly Row[]>();
  for (const table of tables) edits.set(table, await admin.query(`SELECT * FROM main.${table}`));
  return edits;
}

/**
 * The statements that put them back, with the fences of `latch` in them. A table is never empty in between: a LOAD that the operator
 * sends in this very moment must not take all servers away.
 */
export function putBackEdits(edits: Edits, shape: FenceShape, latch: Latch): string[] {
  const index = indexOf(latch);
  return [...edits].flatMap(([table, rows]) => {
    const known = shape.tables.get(table);
    if (known === undefined) return [];
    const { columns, key } = known;
    const kept = rows.map((row) => (table === "mysql_servers" ? withFence(row, index.holds) : row));
    return [...insertAll(table, columns, kept), deleteOthers(table, key.length > 0 ? key : columns, kept)];
  });
}

function withFence(row: Row, holds: (server: { host: string; port: number }) => boolean): Row {
  const server = serverRow(row);
  return holds(server) && !isOffline(server) ? { ...row, status: "OFFLINE_SOFT" } : row;
}

function insertAll(table: string, columns: readonly string[], rows: readonly Row[]): string[] {
  const names = columns.map(quote).join(", ");
  const statements: string[] = [];
  for (let from = 0; from < rows.length; from += batch) {
    const values = rows
      .slice(from, from + batch)
      .map((row) => `(${columns.map((one) => value(row[one])).join(",")})`);
    statements.push(`INSERT OR REPLACE INTO main.${table} (${names}) VALUES ${values.join(",")}`);
  }
  return statements;
}

function deleteOthers(table: string, key: readonly string[], rows: readonly Row[]): string {
  if (rows.length === 0) return `DELETE FROM main.${table}`;
  const values = rows.map((row) => `(${key.map((one) => value(row[one])).join(",")})`);
  return `DELETE FROM main.${table} WHERE (${key.map(quote).join(", ")}) NOT IN (VALUES ${values.join(",")})`;
}

/** Columns of integers take a text that is a number as the number (SQLite's affinity). */
function value(text: string | null | undefined): string {
  return text === null || text === undefined ? "NULL" : literal(text);
}

function quote(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}
