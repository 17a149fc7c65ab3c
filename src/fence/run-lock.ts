import { join } from "node:path";
import Database from "better-sqlite3";
import { KnownError, sentenceOf } from "../platform/errors.js";
import { ensureDirectory } from "../platform/files.js";
import { standaloneDirectory } from "./standalone-file.js";

/**
 * A lock that ends with the process that holds it, however that ends: SQLite's on a file. undefined if another process has
 * it. Errors: `not-done` if the file cannot be made.
 */
export async function takeRunLock(stateDir: string): Promise<{ release(): void } | undefined> {
  const file = join(standaloneDirectory(stateDir), "run.lock");
  try {
    await ensureDirectory(standaloneDirectory(stateDir), 0o700);
    const db = new Database(file, { timeout: 0 });
    try {
      db.exec("BEGIN EXCLUSIVE");
    } catch (error) {
      db.close();
      if (error instanceof Database.SqliteError && error.code.startsWith("SQLITE_BUSY")) return undefined;
      throw error;
    }
    return { release: () => db.close() };
  } catch (error) {
    throw new KnownError("not-done", `${file} cannot be locked: ${sentenceOf(error)}`, { file }, error);
  }
}
