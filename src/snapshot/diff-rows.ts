import { isUtf8 } from "node:buffer";
import { createHash } from "node:crypto";
import Database from "better-sqlite3";
import type { ConfigurationDiff, DiffOptions, TableDifference, TableRule, Value } from "./difference.js";
import { defaultKeepLocal, type KeepLocal, parseKeepLocal } from "./keep-local.js";
import { pairRows, type RawRow } from "./pair-rows.js";

/** In these tables every row is one host's own, whatever `keep_local` says. */
const alwaysLocal = ["mysql_collations", "global_settings"];

interface Column {
  readonly name: string;
  /** Place in the primary key, from 1; 0 outside of it. */
  readonly key: number;
}

/**
 * Compares two databases table by table in the calling thread; see `diffDatabases` for the one to use. SQLite sorts out
 * the rows that are equal, and only those that differ are ever held.
 */
export function diffFiles(a: string, b: string, options: DiffOptions = {}): ConfigurationDiff {
  const db = new Database(a, { readonly: true, fileMustExist: true, timeout: 1_000 });
  try {
    db.pragma("trusted_schema = OFF");
    db.prepare("ATTACH ? AS b").run(b);
    db.function("as_hashed", { deterministic: true }, asHashed);
    const names = { a: tablesIn(db, "main"), b: tablesIn(db, "b") };
    const wanted = (name: string): boolean => options.only === undefined || Object.hasOwn(options.only, name);
    const compared = [...new Set([...names.a, ...names.b])].filter(wanted).sort();
    const keep = parseKeepLocal(options.keepLocal ?? defaultKeepLocal);
    const tables = compared.flatMap(
      (name) => diffTable(db, name, { rule: options.only?.[name] ?? {}, keep, most: options.mostRows }) ?? [],
    );
    return { equal: tables.length === 0, tables, compared };
  } finally {
    db.close();
  }
}

interface Manner {
  readonly rule: TableRule;
  readonly keep: KeepLocal;
  readonly most: number | undefined;
}

function diffTable(db: Database.Database, name: string, manner: Manner): TableDifference | undefined {
  const sides = { a: columnsOf(db, "main", name), b: columnsOf(db, "b", name) };
  const has = (columns: readonly Column[], column: string): boolean =>
    columns.some((one) => one.name === column);
  const ignored = new Set(manner.rule.ignore ?? []);
  const there = sides.a.length > 0 && sides.b.length > 0;
  const both = (sides.a.length > 0 ? sides.a : sides.b).filter(
    (column) => !there || has(sides.b, column.name),
  );
  const columns = both.filter((column) => !ignored.has(column.name)).map((column) => column.name);
  if (columns.length === 0) return undefined;
  const key = keyOf(both);
  const rows = { a: [] as RawRow[], b: [] as RawRow[] };
  const reading = { columns, key, rule: manner.rule };
  if (there) {
    rows.a = only(db, name, "main", "b", reading);
    rows.b = only(db, name, "b", "main", reading);
  } else if (sides.a.length > 0) rows.a = all(db, name, "main", reading);
  else rows.b = all(db, name, "b", reading);
  const columnsOnlyInA = there ? missingIn(sides.a, sides.b) : [];
  const columnsOnlyInB = there ? missingIn(sides.b, sides.a) : [];
  if (rows.a.length + rows.b.length + columnsOnlyInA.length + columnsOnlyInB.length === 0) return undefined;
  const { keep, most = Number.POSITIVE_INFINITY } = manner;
  const local = alwaysLocal.includes(name) ? { ...keep, tables: new Set([name]) } : keep;
  const differences = pairRows({ table: name, columns, key, keep: local }, rows.a, rows.b);
  const counted = (change: string): number => differences.filter((row) => row.change === change).length;
  return {
    table: name,
    in: there ? "both" : sides.a.length > 0 ? "a" : "b",
    key,
    added: counted("added"),
    removed: counted("removed"),
    changed: counted("changed"),
    columnsOnlyInA,
    columnsOnlyInB,
    rows: differences.slice(0, most),
    omitted: Math.max(0, differences.length - most),
  };
}

/** The primary key's columns, if both sides have all of them. */
function keyOf(columns: readonly Column[]): string[] {
  const key = columns.filter((column) => column.key > 0).sort((x, y) => x.key - y.key);
  const whole = key.every((column, place) => column.key === place + 1);
  return whole ? key.map((column) => column.name) : [];
}

function missingIn(columns: readonly Column[], others: readonly Column[]): string[] {
  return columns.map((column) => column.name).filter((name) => !others.some((other) => other.name === name));
}

interface Reading {
  readonly columns: readonly string[];
  readonly key: readonly string[];
  readonly rule: TableRule;
}

/** How a value is brought out of SQLite. */
type Writing = (column: string) => string;

/** What a text has in place of bytes that are no UTF-8. */
const replacement = "\uFFFD";

/** The rows of one side that the other does not have. A table without a key can have one and the same several times. */
function only(db: Database.Database, table: string, side: string, other: string, reading: Reading): RawRow[] {
  const places = reading.columns.map((_, place) => place + 1).join(", ");
  const rows = (schema: string, writing: Writing): string =>
    reading.key.length > 0
      ? select(schema, table, reading, writing, "1")
      : `${select(schema, table, reading, writing, "count(*)")} GROUP BY ${places}`;
  return read(db, reading, (writing) => `${rows(side, writing)} EXCEPT ${rows(other, writing)}`);
}

function all(db: Database.Database, table: string, side: string, reading: Reading): RawRow[] {
  return read(db, reading, (writing) => select(side, table, reading, writing, "1"));
}

function select(
  schema: string,
  table: string,
  { columns, rule }: Reading,
  writing: Writing,
  count: string,
): string {
  const values = columns.map((name) =>
    writing(rule.hashed?.includes(name) ? `as_hashed(${quote(name)})` : quote(name)),
  );
  const where = rule.where === undefined ? "" : ` WHERE ${rule.where}`;
  return `SELECT ${values.join(", ")}, ${count} FROM ${schema}.${quote(table)}${where}`;
}

/** Compared byte by byte, whatever collation a file gives its columns. */
function plainly(column: string): string {
  return `${column} COLLATE BINARY`;
}

function asBytes(column: string): string {
  return `CASE typeof(${column}) WHEN 'text' THEN 't' || hex(${column}) WHEN 'blob' THEN 'b' || hex(${column}) ELSE ${column} END`;
}

/** Reads the rows; once more with all their bytes if a text among them is not what its file has. */
function read(db: Database.Database, reading: Reading, query: (writing: Writing) => string): RawRow[] {
  const rows: RawRow[] = [];
  for (const raw of iterate(db, query(plainly))) {
    const values = raw.slice(0, reading.columns.length).map(asValue);
    if (values.some((value) => typeof value === "string" && value.includes(replacement)))
      return readBytes(db, reading, query);
    rows.push({ values, count: Number(raw[reading.columns.length]) });
  }
  return rows;
}

function readBytes(
  db: Database.Database,
  { columns }: Reading,
  query: (writing: Writing) => string,
): RawRow[] {
  return [...iterate(db, query(asBytes))].map((raw) => ({
    values: raw
      .slice(0, columns.length)
      .map((value) => (typeof value === "string" ? fromBytes(value) : asValue(value))),
    count: Number(raw[columns.length]),
  }));
}

function iterate(db: Database.Database, sql: string): Iterable<unknown[]> {
  return db.prepare(sql).safeIntegers(true).raw(true).iterate() as Iterable<unknown[]>;
}

function fromBytes(marked: string): Value {
  const bytes = Buffer.from(marked.slice(1), "hex");
  return marked.startsWith("t") && isUtf8(bytes) ? bytes.toString("utf8") : inHex(bytes);
}

function asValue(value: unknown): Value {
  if (value === null || typeof value === "string" || typeof value === "number") return value;
  if (typeof value === "bigint") return Number.isSafeInteger(Number(value)) ? Number(value) : String(value);
  return inHex(Buffer.from(value as Uint8Array));
}

function inHex(bytes: Buffer): string {
  return `X'${bytes.toString("hex").toUpperCase()}'`;
}

function tablesIn(db: Database.Database, schema: string): string[] {
  const names = db.prepare(`SELECT name FROM ${schema}.sqlite_master WHERE type = 'table'`).pluck().all();
  return names.map(String).filter((name) => !name.startsWith("sqlite_"));
}

function columnsOf(db: Database.Database, schema: string, table: string): Column[] {
  const info = db.prepare("SELECT name, pk FROM pragma_table_info(?, ?) ORDER BY cid").all(table, schema);
  return (info as { name: string; pk: number }[]).map(({ name, pk }) => ({ name, key: pk }));
}

/** `mysql_native_password`: `*` and SHA1(SHA1(password)). What is hashed already, or empty, stays. */
function asHashed(password: unknown): unknown {
  if (typeof password !== "string" || password === "" || /^(\*[0-9A-F]{40}$|\$A\$)/.test(password))
    return password;
  const once = createHash("sha1").update(password).digest();
  return `*${createHash("sha1").update(once).digest("hex").toUpperCase()}`;
}

/** Any name at all: the file may be anyone's. */
function quote(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}
