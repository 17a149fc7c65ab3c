import { isUtf8 } from "node:buffer";
import { createHash, type Hash } from "node:crypto";
import type Database from "better-sqlite3";

type Value = bigint | number | string | Buffer | null;

/** The digest of a table's rows; `shared` leaves out the rows for which `isLocal` says so. */
export interface TableDigest {
  readonly rows: number;
  readonly content: string;
  readonly shared: string;
  readonly sharedRows: number;
}

/** Written in front of a character that was no UTF-8: the bytes are then needed to tell two texts apart. */
const replacement = "\uFFFD";

/**
 * Digests a table row by row, never holding more than one. Rows come in the order of the primary key, then of all
 * columns; each value is written with its type and length, so that no two different tables read alike.
 */
export function digestTable(
  db: Database.Database,
  table: string,
  isLocal?: (firstColumn: string) => boolean,
): TableDigest {
  const columns = columnsOf(db, table);
  return (
    digestRows(db, table, columns, false, isLocal) ?? digestRows(db, table, columns, true, isLocal) ?? empty()
  );
}

function digestRows(
  db: Database.Database,
  table: string,
  columns: readonly Column[],
  bytes: boolean,
  isLocal: ((firstColumn: string) => boolean) | undefined,
): TableDigest | undefined {
  const content = createHash("sha256");
  const shared = createHash("sha256");
  let rows = 0;
  let sharedRows = 0;
  for (const row of select(db, table, columns, bytes)) {
    if (!bytes && row.some((value) => typeof value === "string" && value.includes(replacement)))
      return undefined;
    const written = writeRow(row, bytes);
    rows += 1;
    content.update(written);
    if (isLocal?.(String(row[0]))) continue;
    sharedRows += 1;
    shared.update(written);
  }
  return { rows, content: finish(content), shared: finish(shared), sharedRows };
}

interface Column {
  readonly name: string;
  readonly key: number;
}

function columnsOf(db: Database.Database, table: string): Column[] {
  const info = db.prepare(`PRAGMA table_info(${quote(table)})`).all() as { name: string; pk: number }[];
  return info.map(({ name, pk }) => ({ name, key: pk }));
}

function select(
  db: Database.Database,
  table: string,
  columns: readonly Column[],
  bytes: boolean,
): Iterable<Value[]> {
  const names = columns.map(({ name }) => quote(name));
  const key = columns.filter((column) => column.key > 0).sort((a, b) => a.key - b.key);
  const order = [...key.map(({ name }) => quote(name)), ...names.filter((_, i) => columns[i]?.key === 0)];
  const values = bytes ? names.flatMap((name) => [`${asBytes(name)}`, `typeof(${name})`]) : names;
  const sql = `SELECT ${values.join(", ")} FROM ${quote(table)} ORDER BY ${order.join(", ")}`;
  return db.prepare(sql).safeIntegers(true).raw(true).iterate() as Iterable<Value[]>;
}

function asBytes(name: string): string {
  return `CASE typeof(${name}) WHEN 'text' THEN CAST(${name} AS BLOB) ELSE ${name} END`;
}

function writeRow(row: readonly Value[], bytes: boolean): string {
  let written = "";
  const step = bytes ? 2 : 1;
  for (let i = 0; i < row.length; i += step) {
    const value = row[i] ?? null;
    written += bytes && row[i + 1] === "text" ? writeTextBytes(value as Buffer) : writeValue(value);
  }
  return `${written}\n`;
}

function writeValue(value: Value): string {
  if (value === null) return "n;";
  if (typeof value === "bigint") return `i${value};`;
  if (typeof value === "number") return `r${value};`;
  if (typeof value === "string") return `t${Buffer.byteLength(value)}:${value};`;
  return `b${value.length}:${value.toString("hex")};`;
}

function writeTextBytes(value: Buffer): string {
  return isUtf8(value) ? writeValue(value.toString("utf8")) : `x${value.length}:${value.toString("hex")};`;
}

function finish(hash: Hash): string {
  return hash.digest("hex");
}

function empty(): TableDigest {
  const nothing = createHash("sha256").digest("hex");
  return { rows: 0, content: nothing, shared: nothing, sharedRows: 0 };
}

/** Any name at all: the file may be anyone's. */
function quote(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}
