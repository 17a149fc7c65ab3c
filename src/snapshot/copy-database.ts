import Database from "better-sqlite3";
import { KnownError, sentenceOf } from "../platform/errors.js";
import { exists } from "../platform/files.js";

/** Milliseconds to wait for another's write lock on the source. */
const lockWait = 2_000;
/** More pages than any file has: the whole copy is one step under one short lock, and no writer can come between. */
const allPages = 0x7fffffff;

/**
 * Copies a database as it is committed, by SQLite's online backup in a single step. ProxySQL waits without an end
 * for locks of others, so the source is locked only for the copy itself and closed at once. What a crash left in a
 * rollback journal is first rolled back, as ProxySQL would do at its start.
 */
export async function copyDatabaseFile(from: string, to: string): Promise<void> {
  if (!(await exists(from))) {
    throw new KnownError("snapshot-missing", `There is no database ${from}.`, { from });
  }
  let source: Database.Database | undefined;
  try {
    const readonly = !(await exists(`${from}-journal`));
    source = new Database(from, { readonly, fileMustExist: true, timeout: lockWait });
    await source.backup(to, { progress: () => allPages });
  } catch (error) {
    throw new KnownError("not-done", `${from} could not be copied: ${sentenceOf(error)}`, { from }, error);
  } finally {
    source?.close();
  }
}
