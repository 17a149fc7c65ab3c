import Database from "better-sqlite3";
import { KnownError, sentenceOf } from "../platform/errors.js";
import { type HistoryDocument, type HistoryOptions, readHistory } from "./history.js";

/**
 * The history from the journal's file, for when no agent runs that could be asked. Reads only. `not-done` if there
 * is no file or it cannot be read.
 */
export function readHistoryFile(file: string, node: string, options: HistoryOptions): HistoryDocument {
  let db: Database.Database | undefined;
  try {
    db = new Database(file, { readonly: true, fileMustExist: true });
    const opened = db;
    return readHistory(
      { query: <Row>(sql: string, ...values: readonly unknown[]) => rows<Row>(opened, sql, values) },
      node,
      options,
    );
  } catch (error) {
    throw new KnownError("not-done", `${file}: the journal cannot be read: ${sentenceOf(error)}`, {}, error);
  } finally {
    db?.close();
  }
}

function rows<Row>(db: Database.Database, sql: string, values: readonly unknown[]): Row[] {
  return db.prepare<unknown[], Row>(sql).all(...values);
}
