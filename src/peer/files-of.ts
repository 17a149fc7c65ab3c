import type { FileHandle } from "node:fs/promises";
import type { Manifest } from "../snapshot/manifest.js";
import { packedDatabaseName } from "../snapshot/pack.js";
import { isCount, isObject } from "./protocol.js";

/** A file on the wire: its name, one of a fixed set, and its size in bytes. */
export interface TransferFile {
  readonly name: string;
  readonly size: number;
}

/** Largest file taken from the other side. ProxySQL's database has kilobytes, seldom some megabytes. */
export const fileLimit = 1024 * 1024 * 1024;

/** The files of a snapshot beside its manifest: the packed database, then the TLS files it names. */
export function transferNames(manifest: Manifest): string[] {
  return [packedDatabaseName, ...manifest.tls.map(({ name }) => name)];
}

/**
 * The list of files that came with a manifest, or undefined unless it has exactly the files of that snapshot, each
 * of a size we take. No other name is ever used for a path.
 */
export function fileListOf(value: unknown, manifest: Manifest): TransferFile[] | undefined {
  if (!Array.isArray(value)) return undefined;
  const names = transferNames(manifest);
  const files = value.flatMap((file: unknown) => readFile(file) ?? []);
  if (files.length !== names.length || value.length !== names.length) return undefined;
  return files.every(({ name }, place) => name === names[place]) ? files : undefined;
}

function readFile(value: unknown): TransferFile | undefined {
  if (!isObject(value)) return undefined;
  const { name, size } = value;
  if (typeof name !== "string" || !isCount(size) || size > fileLimit) return undefined;
  return { name, size };
}

/** `length` bytes from `offset`; fewer where the file ends. */
export async function readPiece(handle: FileHandle, offset: number, length: number): Promise<Buffer> {
  const piece = Buffer.alloc(length);
  let filled = 0;
  while (filled < length) {
    const { bytesRead } = await handle.read(piece, filled, length - filled, offset + filled);
    if (bytesRead === 0) break;
    filled += bytesRead;
  }
  return piece.subarray(0, filled);
}
