import Database from "better-sqlite3";
import { KnownError, sentenceOf } from "../platform/errors.js";
import {
  type HistoryDocument,
  type HistoryOptions,
  type LastTransition,
  lastTransition,
  readHistory,
} from "./history.js";
import type { Rows } from "./history-rows.js";

/**
 * The history from the journal's file, for when no agent runs that could be asked. Reads only. `not-done` if there
 * is no file or it cannot be read.
 */
export function readHistoryFile(file: string, node: string, options: HistoryOptions): HistoryDocument {
  return readFrom(file, (journal) => readHistory(journal, node, options));
}

/** What the role last changed from and to, likewise. */
export function lastTransitionInFile(file: string): LastTransition | null {
  return readFrom(file, lastTransition);
}

function readFrom<T>(file: string, read: (journal: Rows) => T): T {
  let db: Database.Database | undefined;
  try {
    db = new Database(file, { readonly: true, fileMustExist: true });
    const opened = db;
    return read({
      query: <Row>(sql: string, ...values: readonly unknown[]) => rows<Row>(opened, sql, values),
    });
  } catch (error) {
    throw new KnownError("not-done", `${file}: the journal cannot be read: ${sentenceOf(error)}`, {}, error);
  } finally {
    db?.close();
  }
}

function rows<Row>(db: Database.Database, sql: string, values: readonly unknown[]): Row[] {
  return db.prepare<unknown[], Row>(sql).all(...values);
}
