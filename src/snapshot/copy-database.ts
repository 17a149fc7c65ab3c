import { lstat } from "node:fs/promises";
import Database from "better-sqlite3";
import { KnownError, sentenceOf } from "../platform/errors.js";
import { removeFile } from "../platform/files.js";
import { copyOpen, openPlain } from "../platform/plain-file.js";

/** Milliseconds to wait for another's write lock on the source. */
const lockWait = 2_000;
/** More pages than any file has: the whole copy is one step under one short lock, and no writer can come between. */
const allPages = 0x7fffffff;

/**
 * Copies a database as it is committed to `to`, in a directory of ours. The source lies where ProxySQL's user can
 * write, so it is never opened for writing: normally SQLite's online backup reads it in a single step under one short
 * lock (ProxySQL waits without an end for locks of others). If a crash left a rollback journal, both files are copied
 * and the copy is rolled back, as ProxySQL would do at its start.
 */
export async function copyDatabaseFile(from: string, to: string): Promise<void> {
  const database = await markOf(from);
  if (database === undefined)
    throw new KnownError("snapshot-missing", `There is no database ${from}.`, { from });
  try {
    const journal = await markOf(`${from}-journal`);
    if (journal === undefined) return await backUp(from, to);
    await copyPlain(from, to);
    await copyPlain(`${from}-journal`, `${to}-journal`);
    // Without SQLite's lock: if ProxySQL runs and is just writing, the two do not belong together.
    if ((await markOf(from)) !== database || (await markOf(`${from}-journal`)) !== journal) {
      throw new Error("it is being written to");
    }
    rollBack(to);
    await removeFile(`${to}-journal`);
  } catch (error) {
    throw new KnownError("not-done", `${from} could not be copied: ${sentenceOf(error)}`, { from }, error);
  }
}

async function backUp(from: string, to: string): Promise<void> {
  // A FIFO would block SQLite, and with it the whole agent.
  await (await openPlain(from)).close();
  const source = new Database(from, { readonly: true, fileMustExist: true, timeout: lockWait });
  try {
    await source.backup(to, { progress: () => allPages });
  } finally {
    source.close();
  }
}

async function copyPlain(from: string, to: string): Promise<void> {
  await copyOpen(await openPlain(from), to);
}

/** The first read finds the journal and rolls it back. */
function rollBack(file: string): void {
  const db = new Database(file, { fileMustExist: true });
  try {
    db.pragma("schema_version");
  } finally {
    db.close();
  }
}

async function markOf(path: string): Promise<string | undefined> {
  const facts = await lstat(path, { bigint: true }).catch(() => undefined);
  return facts && `${facts.ino} ${facts.size} ${facts.mtimeNs}`;
}
