import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { KnownError, sentenceOf } from "../platform/errors.js";
import { fsyncDirectory, type Owner, removeFile, renameDurably } from "../platform/files.js";
import { journalNames, keepFileSet } from "./file-set.js";
import type { KeepLocal } from "./keep-local.js";
import { mergeLocal } from "./merge-local.js";
import { databaseName } from "./pack.js";
import { placeBeside } from "./place-file.js";
import { replaceTls } from "./replace-tls.js";

export interface InstallOptions {
  /** A directory with a verified snapshot, unpacked. Its database is changed: this host's own items are put in. */
  readonly unpackedDir: string;
  readonly datadir: string;
  /** ProxySQL's user, who gets the files, mode 0600. */
  readonly owner: Owner;
  /** Where the replaced files are kept; null if what they say is in a snapshot already. */
  readonly keepDir: string | null;
  readonly keepLocal: KeepLocal;
}

export interface Installed {
  /** Where a copy of the replaced files is; null if there was no database. */
  readonly kept: string | null;
  readonly warnings: readonly string[];
}

const temporaryName = /^\.proxysql[-.a-z]*\.\d+\.tmp$/;

/**
 * Puts a verified snapshot in the place of ProxySQL's files. ProxySQL must be stopped. Cut off at any point it leaves
 * the old database or the new one, never a mixture, and can simply be run again: the TLS files go first, so that with
 * the new database everything is there.
 */
export async function installDatabase(options: InstallOptions): Promise<Installed> {
  const { unpackedDir, datadir, owner, keepDir, keepLocal } = options;
  const database = join(unpackedDir, databaseName);
  try {
    await removeLeftovers(datadir);
    const kept = await keepFileSet(datadir, keepDir ?? join(unpackedDir, "before"));
    const problem = mergeLocal(database, kept === null ? null : join(kept, databaseName), keepLocal);
    const ready = await placeBeside(database, join(datadir, databaseName), owner);
    await replaceTls(unpackedDir, datadir, owner);
    // A rollback journal of the old file would be rolled into the new one. It is removed at the last moment, because
    // until the rename the old file needs it.
    for (const name of journalNames) await removeFile(join(datadir, name));
    await fsyncDirectory(datadir);
    await renameDurably(ready, join(datadir, databaseName));
    return { kept, warnings: problem === undefined ? [] : [describe(datadir, problem)] };
  } catch (error) {
    if (error instanceof KnownError) throw error;
    const message = `The snapshot could not be installed in ${datadir}: ${sentenceOf(error)}`;
    throw new KnownError("not-done", message, { datadir }, error);
  }
}

async function removeLeftovers(datadir: string): Promise<void> {
  const names = (await readdir(datadir)).filter((name) => temporaryName.test(name));
  for (const name of names) await removeFile(join(datadir, name));
}

function describe(datadir: string, problem: string): string {
  return `${join(datadir, databaseName)} was damaged (${problem}): this host's own settings are the snapshot's now.`;
}
