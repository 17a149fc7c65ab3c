import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { KnownError, sentenceOf } from "../platform/errors.js";
import type { Owner } from "../platform/files.js";
import { giveDirectory, isRoot, openSingle, ownIdentity } from "../platform/plain-file.js";
import { installDatabase } from "./install.js";
import type { KeepLocal } from "./keep-local.js";
import { databaseName } from "./pack.js";
import { makeHarmless, type ScratchDatabase, scratchVariables } from "./scratch-database.js";
import { makeLogins, placesIn, type ScratchPlaces } from "./scratch-places.js";

export interface RestoreOptions {
  /** A directory of ours with a verified snapshot, unpacked. Its database is changed and handed to ProxySQL's user. */
  readonly unpackedDir: string;
  /** An empty directory of ours. */
  readonly scratch: string;
  /** ProxySQL's user. */
  readonly owner: Owner;
  readonly keepLocal: KeepLocal;
}

/** A snapshot in a place of its own, ready for a ProxySQL to be started from it. */
export interface Restored {
  readonly places: ScratchPlaces;
  readonly database: ScratchDatabase;
  /** What was put into the data directory, for ProxySQL's user to read. */
  readonly reference: string;
  /** The variables that are the drill's and not the snapshot's. */
  readonly ownVariables: ReadonlySet<string>;
}

/**
 * Puts a snapshot into a data directory of its own, by the same `installDatabase` that a promotion calls; before that it
 * is made harmless. Everything is made while only we can enter, and given to ProxySQL's user in the end: that user writes
 * in its data directory alone, and others cannot even pass.
 */
export async function restoreInto(options: RestoreOptions): Promise<Restored> {
  const { unpackedDir, scratch, owner, keepLocal } = options;
  const places = placesIn(scratch);
  const reference = join(unpackedDir, databaseName);
  const logins = makeLogins();
  const variables = scratchVariables(places.sockets, logins);
  const database = makeHarmless(reference, variables);
  try {
    await mkdir(places.data, { mode: 0o700 });
    await writeFile(places.password, `${logins.password}\n`, { flag: "wx", mode: 0o600 });
    await writeFile(places.config, `datadir="${places.data}"\n`, { flag: "wx", mode: 0o600 });
  } catch (error) {
    throw new KnownError("not-done", `A drill could not begin: ${sentenceOf(error)}`, {}, error);
  }
  await installDatabase({ unpackedDir, datadir: places.data, owner, keepDir: null, keepLocal });
  if (isRoot()) {
    for (const path of [reference, places.config]) await giveFile(path, owner);
    await giveDirectory(places.data, owner, 0o700);
    for (const dir of [unpackedDir, scratch])
      await giveDirectory(dir, { uid: ownIdentity().uid, gid: owner.gid }, 0o710);
  }
  return { places, database, reference, ownVariables: new Set(Object.keys(variables)) };
}

async function giveFile(path: string, { uid, gid }: Owner): Promise<void> {
  const handle = await openSingle(path);
  try {
    await handle.chown(uid, gid);
    await handle.chmod(0o600);
  } finally {
    await handle.close();
  }
}
