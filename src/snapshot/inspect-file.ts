import { closeSync, constants, fstatSync, openSync, readSync, statSync } from "node:fs";
import Database from "better-sqlite3";
import { sentenceOf } from "../platform/errors.js";
import { cautious } from "../platform/plain-file.js";
import { sha256Of } from "./hashing.js";
import type { Inspection, TableInspection } from "./inspection.js";
import { defaultKeepLocal, keepsVariable, parseKeepLocal } from "./keep-local.js";
import { digestTable } from "./table-digest.js";

/** Tables that say nothing of the configuration which two nodes share, whatever `keep_local` is here. */
const unsharedTables = new Set(["proxysql_servers", "global_settings", "mysql_collations"]);
const defaultKept = parseKeepLocal(defaultKeepLocal);
const problemLimit = 10;

/** What reading the whole file told of its soundness. */
export type Soundness = Pick<Inspection, "isDatabase" | "problems" | "pages" | "pageSize">;
/** What its tables hold. */
export type Contents = Pick<Inspection, "tables" | "content" | "shared" | "definitions">;

/** Bytes of a file that are mapped instead of read: for a process of its own, whose memory is gone with it. */
const mapped = 4 * 1024 ** 3;

/**
 * Looks into a database file in the calling thread; see `inspectDatabase` for the one to use. Nothing is written: the
 * file is opened read-only, and one whose header asks for a write-ahead log is not opened at all, because SQLite
 * would create that log beside it.
 */
export function inspectFile(file: string): Inspection {
  const soundness = soundnessOf(file);
  if (soundness.problems.length > 0) return { ...soundness, ...nothingRead };
  try {
    return { ...soundness, ...contentsOf(file) };
  } catch (error) {
    return { ...soundness, ...nothingRead, problems: [readingFailed(error)] };
  }
}

/** Whether the file is an SQLite database that can be opened without harm, as long as it says, and not damaged. */
export function soundnessOf(file: string, mapping = false): Soundness {
  const headerProblem = problemOfHeader(file);
  if (headerProblem !== undefined) return unsound(false, [headerProblem]);
  try {
    return reading(file, mapping, (db) => {
      const { pages, pageSize, problem } = measured(db, file);
      const problems = [...(problem === undefined ? [] : [problem]), ...integrityProblems(db)];
      return { ...unsound(true, problems), pages, pageSize };
    });
  } catch (error) {
    return unsound(true, [readingFailed(error)]);
  }
}

/** The tables of a sound database. Throws what SQLite throws if it is not sound. */
export function contentsOf(file: string, mapping = false): Contents {
  return reading(file, mapping, inspectTables);
}

/** The sentence for what SQLite threw. */
export function readingFailed(error: unknown): string {
  return `Reading failed: ${sentenceOf(error)}`;
}

/** The contents of what could not be read. */
export const nothingRead: Contents = {
  tables: {},
  content: sha256Of(""),
  shared: sha256Of(""),
  definitions: sha256Of(""),
};

function unsound(isDatabase: boolean, problems: readonly string[]): Soundness {
  return { isDatabase, problems: problems.slice(0, problemLimit), pages: 0, pageSize: 0 };
}

function reading<T>(file: string, mapping: boolean, work: (db: Database.Database) => T): T {
  const db = new Database(file, { readonly: true, fileMustExist: true, timeout: 1_000 });
  try {
    db.pragma("trusted_schema = OFF");
    if (mapping) db.pragma(`mmap_size = ${mapped}`);
    return work(db);
  } finally {
    db.close();
  }
}

/**
 * The file's pages. SQLite does not look at what follows the last one, and a file that was cut off there may still read
 * well. Within a transaction, so that nobody makes the file longer meanwhile.
 */
function measured(
  db: Database.Database,
  file: string,
): { pages: number; pageSize: number; problem: string | undefined } {
  db.exec("BEGIN");
  db.pragma("schema_version");
  const { size } = statSync(file);
  const pages = db.pragma("page_count", { simple: true }) as number;
  const pageSize = db.pragma("page_size", { simple: true }) as number;
  db.exec("COMMIT");
  const problem =
    size === pages * pageSize
      ? undefined
      : `The file has ${size} bytes, and its pages have ${pages * pageSize}.`;
  return { pages, pageSize, problem };
}

function inspectTables(db: Database.Database): Contents {
  const tables: [string, TableInspection][] = [];
  const content: string[] = [];
  const shared: string[] = [];
  const definitions: string[] = [];
  for (const { name, sql } of tableDefinitions(db)) {
    const isLocal = name === "global_variables" ? isLocalVariable : undefined;
    const digest = digestTable(db, name, isLocal);
    const definition = sha256Of(sql);
    tables.push([name, { sql, rows: digest.rows, content: digest.content, definition }]);
    content.push(`${JSON.stringify(name)} ${digest.rows} ${digest.content}\n`);
    definitions.push(`${JSON.stringify(name)} ${definition}\n`);
    if (unsharedTables.has(name) || digest.sharedRows === 0) continue;
    shared.push(`${JSON.stringify(name)} ${digest.sharedRows} ${digest.shared}\n`);
  }
  return {
    tables: Object.fromEntries(tables),
    content: sha256Of(content.join("")),
    shared: sha256Of(shared.join("")),
    definitions: sha256Of(definitions.join("")),
  };
}

function tableDefinitions(db: Database.Database): { name: string; sql: string }[] {
  const all = db.prepare("SELECT name, sql FROM sqlite_master WHERE type = 'table'").all() as {
    name: string;
    sql: string;
  }[];
  const own = all.filter(({ name }) => !name.startsWith("sqlite_"));
  return own.sort((a, b) => (a.name < b.name ? -1 : 1));
}

function integrityProblems(db: Database.Database): string[] {
  const answers = db.pragma(`integrity_check(${problemLimit})`) as { integrity_check: string }[];
  const lines = answers.map((answer) => answer.integrity_check);
  return lines.length === 1 && lines[0] === "ok" ? [] : lines;
}

function isLocalVariable(name: string): boolean {
  return keepsVariable(defaultKept, name);
}

/** See "Database File Format" on sqlite.org, section 1.3: the magic text, and the two version bytes 18 and 19. */
function problemOfHeader(file: string): string | undefined {
  const header = Buffer.alloc(100);
  const fd = openSync(file, constants.O_RDONLY | cautious);
  try {
    // A directory is an error below; a FIFO would let SQLite, and with it the agent, wait without an end.
    if (fstatSync(fd).isFIFO()) return "It is no plain file.";
    const length = readSync(fd, header, 0, header.length, 0);
    if (length === 0) return "The file is empty.";
    if (length < header.length) return `The file has only ${length} bytes.`;
  } finally {
    closeSync(fd);
  }
  if (header.toString("latin1", 0, 16) !== "SQLite format 3\0")
    return "The file does not begin as an SQLite database.";
  if (header[18] === 2 || header[19] === 2)
    return "The database is in WAL mode, which ProxySQL does not use.";
  return undefined;
}
