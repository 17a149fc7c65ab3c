import { readdir } from "node:fs/promises";
import { dirname, join } from "node:path";
import { ensureDirectory, fsyncDirectory, type Owner, ownerOf, renameDurably } from "../platform/files.js";
import { giveDirectory, isRoot, openSingle } from "../platform/plain-file.js";

/** Makes a directory for snapshots, 0700, if it is not there. */
export async function createBox(dir: string): Promise<void> {
  await ensureDirectory(dir, 0o700);
}

/**
 * Gives a directory that lies where only we can write, and the plain files in it, to the owner of `box`, 0700 and
 * 0600, and makes all that survive a power cut. Anything but plain files in it is an error.
 */
export async function giveWhole(dir: string, box: string): Promise<void> {
  const owner = await ownerOf(box);
  for (const name of await readdir(dir)) await giveFile(join(dir, name), owner);
  await fsyncDirectory(dir);
  await giveDirectory(dir, owner, 0o700);
}

async function giveFile(path: string, owner: Owner): Promise<void> {
  const handle = await openSingle(path);
  try {
    await handle.chmod(0o600);
    if (isRoot()) await handle.chown(owner.uid, owner.gid);
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** Makes a directory and all files in it survive a power cut. */
export async function syncAll(dir: string): Promise<void> {
  for (const name of await readdir(dir)) {
    const handle = await openSingle(join(dir, name));
    try {
      await handle.sync();
    } finally {
      await handle.close();
    }
  }
  await fsyncDirectory(dir);
}

/** Renames a directory to where readers look, and makes the disappearance of the old name durable too. */
export async function moveIn(from: string, to: string): Promise<void> {
  await renameDurably(from, to);
  if (dirname(from) !== dirname(to)) await fsyncDirectory(dirname(from));
}
