import { createReadStream, createWriteStream } from "node:fs";
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { pipeline } from "node:stream/promises";
import { KnownError, sentenceOf } from "../platform/errors.js";
import {
  exists,
  fsyncDirectory,
  fsyncFile,
  giveTo,
  type Owner,
  remove,
  renameDurably,
  temporaryBeside,
} from "../platform/files.js";
import { tlsNames } from "./content.js";
import { journalNames, keepFileSet } from "./file-set.js";
import { sha256OfFile } from "./hashing.js";
import type { KeepLocal } from "./keep-local.js";
import { mergeLocal } from "./merge-local.js";
import { databaseName } from "./pack.js";

export interface InstallOptions {
  /** A directory with a verified snapshot, unpacked. Its database is changed: this host's own items are put in. */
  readonly unpackedDir: string;
  readonly datadir: string;
  /** ProxySQL's user, who gets the files, mode 0600. */
  readonly owner: Owner;
  /** Where the replaced files are kept. */
  readonly keepDir: string;
  readonly keepLocal: KeepLocal;
}

export interface Installed {
  /** Where the replaced files are; null if there was no database. */
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
    const kept = await keepFileSet(datadir, keepDir);
    const problem = mergeLocal(database, kept === null ? null : join(kept, databaseName), keepLocal);
    const ready = await placeBeside(database, join(datadir, databaseName), owner);
    await replaceTls(unpackedDir, datadir, owner);
    // A rollback journal of the old file would be rolled into the new one. It is removed at the last moment, because
    // until the rename the old file needs it.
    for (const name of journalNames) await remove(join(datadir, name));
    await fsyncDirectory(datadir);
    await renameDurably(ready, join(datadir, databaseName));
    return { kept, warnings: problem === undefined ? [] : [describe(datadir, problem)] };
  } catch (error) {
    if (error instanceof KnownError) throw error;
    const message = `The snapshot could not be installed in ${datadir}: ${sentenceOf(error)}`;
    throw new KnownError("not-done", message, { datadir }, error);
  }
}

/** All three or none: ProxySQL ends at its start with one or two (src/proxy_tls.cpp). */
async function replaceTls(unpackedDir: string, datadir: string, owner: Owner): Promise<void> {
  const there = await Promise.all(tlsNames.map((name) => exists(join(unpackedDir, name))));
  if (there.includes(false)) return;
  const ready: { from: string; to: string }[] = [];
  for (const name of tlsNames) {
    const [source, to] = [join(unpackedDir, name), join(datadir, name)];
    if (await sameFile(source, to)) continue;
    ready.push({ from: await placeBeside(source, to, owner), to });
  }
  for (const { from, to } of ready) await renameDurably(from, to);
}

async function sameFile(a: string, b: string): Promise<boolean> {
  return (await exists(b)) && (await sha256OfFile(a)) === (await sha256OfFile(b));
}

/**
 * Writes a copy under a temporary name in the same directory, durable and with its owner. The name must be new:
 * the directory belongs to ProxySQL's user, and nothing that it put there is followed or written through.
 */
async function placeBeside(from: string, path: string, owner: Owner): Promise<string> {
  const temporary = temporaryBeside(path);
  await remove(temporary);
  await pipeline(createReadStream(from), createWriteStream(temporary, { flags: "wx", mode: 0o600 }));
  await giveTo(temporary, owner);
  await fsyncFile(temporary);
  return temporary;
}

async function removeLeftovers(datadir: string): Promise<void> {
  const names = (await readdir(datadir)).filter((name) => temporaryName.test(name));
  for (const name of names) await remove(join(datadir, name));
}

function describe(datadir: string, problem: string): string {
  return `${join(datadir, databaseName)} was damaged (${problem}): this host's own settings are the snapshot's now.`;
}
