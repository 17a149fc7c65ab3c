import type { FenceAdmin, FenceShape } from "./look.js";
import { serverRow } from "./look.js";
import type { FencePlan } from "./plan.js";
import { fencedStatus, isOffline, rowName } from "./rows.js";
import { serverName } from "./server.js";
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
 * The statements that put them back, with what has been done to servers in between. A table is never empty on the way: a
 * LOAD that the operator sends in this very moment must not take all servers away.
 */
export function putBackEdits(edits: Edits, shape: FenceShape, plan: FencePlan): string[] {
  return [...edits].flatMap(([table, rows]) => {
    const known = shape.tables.get(table);
    if (known === undefined) return [];
    const { columns, key } = known;
    const kept = table === "mysql_servers" ? withPlan(rows, plan) : rows;
    return [...insertAll(table, columns, kept), deleteOthers(table, key.length > 0 ? key : columns, kept)];
  });
}

function withPlan(rows: readonly Row[], { fence, release, demote }: FencePlan): Row[] {
  const fencedServers = new Set(fence.map(serverName));
  const released = new Map(release.map(({ row, to }) => [rowName(row), to]));
  const demoted = new Map(demote.map((one) => [rowName(one.row), one]));
  const there = new Set(rows.map((row) => rowName(serverRow(row))));
  return rows.flatMap((row) => {
    const server = serverRow(row);
    const name = rowName(server);
    if (fencedServers.has(serverName(server)))
      return [isOffline(server) ? row : { ...row, status: fencedStatus }];
    if (server.status !== fencedStatus) return [row];
    const gone = demoted.get(name);
    if (gone === undefined) return [{ ...row, status: released.get(name) ?? server.status }];
    const reader = rowName({ ...server, hostgroup: gone.reader });
    return there.has(reader) ? [] : [{ ...row, hostgroup_id: String(gone.reader), status: gone.status }];
  });
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
