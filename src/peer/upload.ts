import { constants } from "node:fs";
import { type FileHandle, open, statfs } from "node:fs/promises";
import { join } from "node:path";
import type { Manifest } from "../snapshot/manifest.js";
import type { TransferFile } from "./files-of.js";
import { Refused } from "./refused.js";

/** A file that is coming in. */
interface Part {
  readonly size: number;
  readonly handle: FileHandle;
  written: number;
}

/** The files of one upload, by name. */
export type Parts = ReadonlyMap<string, Part>;

/** Refuses what the disk of `dir` has no room for, packed and unpacked, with `reserve` bytes left over. */
export async function requireSpace(
  dir: string,
  manifest: Manifest,
  files: readonly TransferFile[],
  reserve: number,
): Promise<void> {
  const { bavail, bsize } = await statfs(dir);
  const free = bavail * bsize;
  const packed = files.reduce((sum, { size }) => sum + size, 0);
  const needed = packed + manifest.database.size + reserve;
  if (free >= needed) return;
  throw new Refused(
    "disk-full",
    `${manifest.id} needs ${needed} bytes (${reserve} of them stay free), and the disk here has ${free}.`,
  );
}

/** Makes the files in a directory of ours, 0600. */
export async function openParts(dir: string, files: readonly TransferFile[]): Promise<Parts> {
  const parts = new Map<string, Part>();
  try {
    for (const { name, size } of files) {
      const flags = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL;
      parts.set(name, { size, handle: await open(join(dir, name), flags, 0o600), written: 0 });
    }
    return parts;
  } catch (error) {
    for (const { handle } of parts.values()) await handle.close();
    throw error;
  }
}

/** Takes the next piece of a file. `Refused` if it is not the one that is awaited; then nothing has been written. */
export async function writePiece(
  parts: Parts | undefined,
  name: unknown,
  offset: unknown,
  bytes: Uint8Array,
): Promise<void> {
  const part = typeof name === "string" ? parts?.get(name) : undefined;
  if (part === undefined || offset !== part.written || part.written + bytes.length > part.size) {
    throw new Refused("not-asked-so", `No such piece is awaited: ${String(name)} from ${String(offset)}.`);
  }
  for (let done = 0; done < bytes.length; ) {
    const { bytesWritten } = await part.handle.write(bytes, done, bytes.length - done, part.written);
    done += bytesWritten;
    part.written += bytesWritten;
  }
}

/** Closing again is no error. */
export async function closeParts(parts: Parts): Promise<void> {
  for (const { handle } of parts.values()) await handle.close();
}

/** Refuses an upload of which a part is missing. */
export function requireComplete(parts: Parts, id: string): void {
  for (const [name, { size, written }] of parts) {
    if (written === size) continue;
    throw new Refused("incomplete", `${name} of ${id} has ${written} of ${size} bytes.`);
  }
}
