import { constants } from "node:fs";
import { type FileHandle, lstat, open, readdir, rm, rmdir, unlink } from "node:fs/promises";
import { join } from "node:path";
import { pipeline } from "node:stream/promises";
import { systemCode } from "./errors.js";
import type { Owner } from "./files.js";

// The agent is root and works in directories that other users own. Whatever stands there under a name may be a link to
// a file of root's, a FIFO that blocks who opens it, or a second name of a file (FreeBSD lets anyone make one of any
// file, see security.bsd.hardlink_check_uid). So files are opened here, looked at, and from then on only the
// descriptor is used.

/** Never follows a link at the end of the path, and never waits for a FIFO's other side. */
export const cautious = constants.O_NOFOLLOW | constants.O_NONBLOCK;

/** Something else stands under the name of a file: a link, a FIFO, a directory, or a file that has further names. */
export class NotPlainFile extends Error {
  constructor(path: string, cause?: unknown) {
    super(`${path} is no plain file with this one name`, { cause });
    this.name = "NotPlainFile";
  }
}

export function isRoot(): boolean {
  return process.getuid?.() === 0;
}

/** Opens a plain file for reading, whatever other names it has; anything else is a `NotPlainFile` error. */
export async function openPlain(path: string): Promise<FileHandle> {
  const handle = await open(path, constants.O_RDONLY | cautious).catch((error: unknown) => {
    throw isLinkError(error) ? new NotPlainFile(path, error) : error;
  });
  try {
    if (!(await handle.stat()).isFile()) throw new NotPlainFile(path);
    return handle;
  } catch (error) {
    await handle.close();
    throw error;
  }
}

/** The same for a file that has no other name. */
export async function openSingle(path: string): Promise<FileHandle> {
  const handle = await openPlain(path);
  try {
    if ((await handle.stat()).nlink !== 1) throw new NotPlainFile(path);
    return handle;
  } catch (error) {
    await handle.close();
    throw error;
  }
}

/** Linux says ELOOP for a link, FreeBSD EMLINK. A socket cannot be opened at all (ENXIO, EOPNOTSUPP). */
function isLinkError(error: unknown): boolean {
  return ["ELOOP", "EMLINK", "ENXIO", "EOPNOTSUPP"].includes(systemCode(error) ?? "");
}

/** Copies an open file's bytes to a new file, 0600, and closes both. A file that is there already is an error. */
export async function copyOpen(from: FileHandle, to: string): Promise<void> {
  await closing(from, async () => {
    const target = await open(to, "wx", 0o600);
    await pipeline(from.createReadStream({ autoClose: false }), target.createWriteStream());
  });
}

async function closing<T>(handle: FileHandle, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } finally {
    await handle.close();
  }
}

/** Opens a directory that is no link and makes it `owner`'s, with `mode`; only root may give it away. */
export async function giveDirectory(path: string, owner: Owner, mode: number): Promise<void> {
  const handle = await open(path, constants.O_RDONLY | constants.O_DIRECTORY | cautious);
  await closing(handle, async () => {
    if (isRoot()) await handle.chown(owner.uid, owner.gid);
    await handle.chmod(mode);
  });
}

/** The user this process runs as. */
export function ownIdentity(): Owner {
  return { uid: process.geteuid?.() ?? 0, gid: process.getegid?.() ?? 0 };
}

/**
 * Removes what stands under `path`, made by another user, from a directory that only we can write. As root each
 * directory is first made ours, so that its maker cannot put a link into the way while it is being emptied.
 */
export async function removeForeign(path: string): Promise<void> {
  if (!isRoot()) return rm(path, { recursive: true, force: true });
  const facts = await lstat(path).catch(() => undefined);
  if (facts === undefined) return;
  if (!facts.isDirectory()) return unlink(path);
  await giveDirectory(path, ownIdentity(), 0o700);
  for (const name of await readdir(path)) await removeForeign(join(path, name));
  await rmdir(path);
}
