import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import type { FileHandle } from "node:fs/promises";
import { pipeline } from "node:stream/promises";

/** SHA-256 of a text, in hexadecimal. */
export function sha256Of(text: string | Uint8Array): string {
  return createHash("sha256").update(text).digest("hex");
}

/** SHA-256 of a file's bytes, in hexadecimal; read in pieces, so that a large file costs no memory. */
export async function sha256OfFile(path: string): Promise<string> {
  const hash = createHash("sha256");
  await pipeline(createReadStream(path, { highWaterMark: 256 * 1024 }), hash);
  return hash.digest("hex");
}

/** The same for an open file, which is closed then. */
export async function sha256OfOpen(handle: FileHandle): Promise<string> {
  const hash = createHash("sha256");
  await pipeline(handle.createReadStream({ highWaterMark: 256 * 1024 }), hash);
  return hash.digest("hex");
}
