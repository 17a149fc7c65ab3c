import { createHash, type Hash } from "node:crypto";
import type Database from "better-sqlite3";

/** The digest of a table's rows; `shared` leaves out the rows for which `isLocal` says so. */
export interface TableDigest {
  readonly rows: number;
  readonly content: string;
  readonly shared: string;
  readonly sharedRows: number;
}

/** What a text has in place of bytes that are no UTF-8: only the bytes then tell two such texts apart. */
const replacement = "\uFFFD";

/** Characters that are hashed at once. */
const chunk = 64 * 1024;

/**
 * Digests a table row by row, never holding more than some of them. Rows come in the order of the primary key, then of
 * all columns; SQLite itself writes each as a JSON array, by far the fastest way to get at them. What JSON does not
 * tell apart (a real from an integer, bytes from a text) is an array of its own, so that no two tables read alike.
 */
export function digestTable(
  db: Database.Database,
  table: string,
  isLocal?: (firstColumn: string) => boolean,
): TableDigest {
  const columns = columnsOf(db, table);
  return (
    digestRows(db, table, columns, plainlyFor(db, table, columns), isLocal) ??
    digestRows(db, table, columns, asBytes, isLocal) ??
    finish(new Rows(), new Rows())
  );
}

interface Column {
  readonly name: string;
  readonly type: string;
  readonly key: number;
}

type Writing = (column: Column) => string;

/** Undefined if a text of the table is not UTF-8, or bytes stand where texts should. */
function digestRows(
  db: Database.Database,
  table: string,
  columns: readonly Column[],
  writing: Writing,
  isLocal: ((firstColumn: string) => boolean) | undefined,
): TableDigest | undefined {
  const lossless = writing === asBytes;
  const all = new Rows();
  const shared = isLocal === undefined ? all : new Rows();
  try {
    if (isLocal === undefined) {
      for (const row of select<string>(db, table, columns, writing, false)) all.add(row);
    } else {
      for (const [first, row] of select<[unknown, string]>(db, table, columns, writing, true)) {
        all.add(row);
        if (!isLocal(String(first))) shared.add(row);
      }
    }
  } catch (error) {
    if (!lossless && error instanceof Error && error.message.includes("BLOB")) return undefined;
    throw error;
  }
  const digest = finish(all, shared);
  return all.lossy && !lossless ? undefined : digest;
}

class Rows {
  readonly hash: Hash = createHash("sha256");
  count = 0;
  lossy = false;
  #waiting = "";

  add(row: string): void {
    this.count += 1;
    this.#waiting += `${row}\n`;
    if (this.#waiting.length > chunk) this.flush();
  }

  flush(): void {
    if (this.#waiting.includes(replacement)) this.lossy = true;
    this.hash.update(this.#waiting);
    this.#waiting = "";
  }
}

function finish(all: Rows, shared: Rows): TableDigest {
  all.flush();
  const content = all.hash.digest("hex");
  if (all === shared) return { rows: all.count, content, shared: content, sharedRows: all.count };
  shared.flush();
  return { rows: all.count, content, shared: shared.hash.digest("hex"), sharedRows: shared.count };
}

function columnsOf(db: Database.Database, table: string): Column[] {
  const info = db.prepare(`PRAGMA table_info(${quote(table)})`).all() as {
    name: string;
    type: string;
    pk: number;
  }[];
  return info.map(({ name, type, pk }) => ({ name, type, key: pk }));
}

function select<T>(
  db: Database.Database,
  table: string,
  columns: readonly Column[],
  writing: Writing,
  withFirst: boolean,
): Iterable<T> {
  const names = columns.map(({ name }) => quote(name));
  const key = columns.filter((column) => column.key > 0).sort((a, b) => a.key - b.key);
  const order = [...key.map(({ name }) => quote(name)), ...names.filter((_, i) => columns[i]?.key === 0)];
  const row = `json_array(${columns.map(writing).join(", ")})`;
  const what = withFirst ? `${names[0]}, ${row}` : row;
  const statement = db.prepare(`SELECT ${what} FROM ${quote(table)} ORDER BY ${order.join(", ")}`);
  return (withFirst ? statement.raw(true) : statement.pluck(true)).iterate() as Iterable<T>;
}

/**
 * As JSON has it, with marks only where they are needed: JSON writes texts and integers as what they are, but a column of
 * integers may have a real in it. Asking for its sum's type is the fastest way to know; it is real if one of them is.
 */
function plainlyFor(db: Database.Database, table: string, columns: readonly Column[]): Writing {
  const others = columns.filter((column) => !isOfTexts(column));
  const types = sumTypes(db, table, others);
  const integers = new Set(others.filter((_, place) => types[place] !== "real"));
  return (column) => {
    const name = quote(column.name);
    if (isOfTexts(column) || integers.has(column)) return name;
    return `CASE typeof(${name}) ${marked(name)} ELSE ${name} END`;
  };
}

/** A column declared so turns numbers into texts. Bytes in it are an error of json_array's. */
function isOfTexts({ type }: Column): boolean {
  return /CHAR|CLOB|TEXT/i.test(type) && !/INT/i.test(type);
}

function sumTypes(db: Database.Database, table: string, columns: readonly Column[]): unknown[] {
  if (columns.length === 0) return [];
  const types = columns.map(({ name }) => `typeof(sum(${quote(name)}))`);
  try {
    return db
      .prepare(`SELECT ${types.join(", ")} FROM ${quote(table)}`)
      .raw(true)
      .get() as unknown[];
  } catch (error) {
    // A sum beyond 64 bits tells nothing.
    if (error instanceof Error && error.message.includes("overflow")) return columns.map(() => "real");
    throw error;
  }
}

function asBytes({ name }: Column): string {
  const column = quote(name);
  return `CASE typeof(${column}) WHEN 'text' THEN json_array('t', hex(${column})) ${marked(column)} ELSE ${column} END`;
}

function marked(column: string): string {
  return `WHEN 'real' THEN json_array('r', quote(${column})) WHEN 'blob' THEN json_array('b', hex(${column}))`;
}

/** Any name at all: the file may be anyone's. */
function quote(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}
