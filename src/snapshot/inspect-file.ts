import { closeSync, constants, fstatSync, openSync, readSync } from "node:fs";
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

/**
 * Looks into a database file in the calling thread; see `inspectDatabase` for the one to use. Nothing is written: the
 * file is opened read-only, and one whose header asks for a write-ahead log is not opened at all, because SQLite
 * would create that log beside it.
 */
export function inspectFile(file: string): Inspection {
  const headerProblem = problemOfHeader(file);
  if (headerProblem !== undefined) return nothingRead(false, [headerProblem]);
  let db: Database.Database | undefined;
  try {
    db = new Database(file, { readonly: true, fileMustExist: true, timeout: 1_000 });
    return inspectOpen(db);
  } catch (error) {
    return nothingRead(true, [`Reading failed: ${sentenceOf(error)}`]);
  } finally {
    db?.close();
  }
}

function inspectOpen(db: Database.Database): Inspection {
  db.pragma("trusted_schema = OFF");
  const problems = integrityProblems(db);
  const pages = db.pragma("page_count", { simple: true }) as number;
  const pageSize = db.pragma("page_size", { simple: true }) as number;
  if (problems.length > 0) return { ...nothingRead(true, problems), pages, pageSize };
  return { isDatabase: true, problems, pages, pageSize, ...inspectTables(db) };
}

function inspectTables(
  db: Database.Database,
): Pick<Inspection, "tables" | "content" | "shared" | "definitions"> {
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

function nothingRead(isDatabase: boolean, problems: readonly string[]): Inspection {
  const nothing = sha256Of("");
  const digests = { content: nothing, shared: nothing, definitions: nothing };
  return {
    isDatabase,
    problems: problems.slice(0, problemLimit),
    pages: 0,
    pageSize: 0,
    tables: {},
    ...digests,
  };
}
