import { chmod, readdir } from "node:fs/promises";
import { dirname, join } from "node:path";
import {
  ensureDirectory,
  fsyncDirectory,
  fsyncFile,
  giveTo,
  ownerOf,
  renameDurably,
} from "../platform/files.js";

/** Makes a directory for snapshots, 0700, if it is not there. */
export async function createBox(dir: string): Promise<void> {
  await ensureDirectory(dir, 0o700);
}

/** Gives a directory and the files in it to the owner of `box`: 0700 and 0600. */
export async function giveWhole(dir: string, box: string): Promise<void> {
  const owner = await ownerOf(box);
  for (const name of await readdir(dir)) {
    await chmod(join(dir, name), 0o600);
    await giveTo(join(dir, name), owner);
  }
  await chmod(dir, 0o700);
  await giveTo(dir, owner);
}

/** Makes a directory and all files in it survive a power cut. */
export async function syncAll(dir: string): Promise<void> {
  for (const name of await readdir(dir)) await fsyncFile(join(dir, name));
  await fsyncDirectory(dir);
}

/** Renames a directory to where readers look, and makes the disappearance of the old name durable too. */
export async function moveIn(from: string, to: string): Promise<void> {
  await renameDurably(from, to);
  if (dirname(from) !== dirname(to)) await fsyncDirectory(dirname(from));
}
