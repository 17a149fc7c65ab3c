import { mkdir, open, readdir, rename, rm, stat } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { systemCode } from "./errors.js";

/** Owner of a file, as numbers. */
export interface Owner {
  readonly uid: number;
  readonly gid: number;
}

/** Makes the names in a directory survive a power cut. */
export async function fsyncDirectory(path: string): Promise<void> {
  const handle = await open(path, "r");
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** Renames within one file system and makes the new name durable. */
export async function renameDurably(from: string, to: string): Promise<void> {
  await rename(from, to);
  await fsyncDirectory(dirname(to));
}

/** A name beside `path` that no reader takes for the real thing. */
export function temporaryBeside(path: string): string {
  return join(dirname(path), `.${basename(path)}.${process.pid}.tmp`);
}

/** Writes a whole file under a temporary name, fsyncs and renames it: a reader sees the old or the new one. */
export async function writeFileDurably(path: string, data: string | Uint8Array, mode: number): Promise<void> {
  const temporary = temporaryBeside(path);
  await rm(temporary, { force: true });
  // New or not at all: what another user put under this name is not written through.
  const handle = await open(temporary, "wx", mode);
  try {
    await handle.chmod(mode);
    await handle.writeFile(data);
    await handle.sync();
  } finally {
    await handle.close();
  }
  await renameDurably(temporary, path);
}

/** Makes a directory (and its parents) with `mode` if it is not there. */
export async function ensureDirectory(path: string, mode: number): Promise<void> {
  await mkdir(path, { recursive: true, mode });
}

/** The names in a directory; none if it is not there. */
export async function namesIn(path: string): Promise<string[]> {
  try {
    return await readdir(path);
  } catch (error) {
    if (systemCode(error) === "ENOENT") return [];
    throw error;
  }
}

/** True if something of that name is there. */
export async function exists(path: string): Promise<boolean> {
  return (await statOrUndefined(path)) !== undefined;
}

/** The file's facts, or undefined if there is none. */
export async function statOrUndefined(path: string): Promise<Awaited<ReturnType<typeof stat>> | undefined> {
  try {
    return await stat(path);
  } catch (error) {
    if (systemCode(error) === "ENOENT" || systemCode(error) === "ENOTDIR") return undefined;
    throw error;
  }
}

/** The owner of a file or directory. */
export async function ownerOf(path: string): Promise<Owner> {
  const { uid, gid } = await stat(path);
  return { uid, gid };
}

/**
 * Removes a file or a directory with all in it; nothing happens if it is not there. Not for directories in which another
 * user can write while we are root: `removeForeign` and `removeFile` are.
 */
export async function remove(path: string): Promise<void> {
  await rm(path, { recursive: true, force: true });
}

/** Removes a file or link; nothing happens if it is not there, and a directory is an error. */
export async function removeFile(path: string): Promise<void> {
  await rm(path, { force: true });
}
