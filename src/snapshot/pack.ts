import { createReadStream, createWriteStream } from "node:fs";
import { stat } from "node:fs/promises";
import { basename, join } from "node:path";
import { Transform, type TransformCallback } from "node:stream";
import { pipeline } from "node:stream/promises";
import { createGunzip, createGzip } from "node:zlib";
import { KnownError, sentenceOf, systemCode } from "../platform/errors.js";
import { removeFile } from "../platform/files.js";
import { copyOpen, NotPlainFile, openPlain, openSingle } from "../platform/plain-file.js";
import type { Manifest } from "./manifest.js";
import { writeManifest } from "./manifest-file.js";
import { refusalError, refuse } from "./refusal.js";

export const packedDatabaseName = "proxysql.db.gz";
export const databaseName = "proxysql.db";

/** The files of a snapshot before it is packed. */
export interface SnapshotFiles {
  readonly database: string;
  /** Paths of the TLS files; their names stay. */
  readonly tls: readonly string[];
}

/** Up to here the best usual compression costs a blink; beyond, speed counts more than the last tenth. */
const smallDatabase = 16 * 1024 * 1024;

/** Writes a snapshot into an existing directory: the database as gzip, the TLS files, the manifest; all 0600. */
export async function packInto(dir: string, files: SnapshotFiles, manifest: Manifest): Promise<void> {
  const { size } = await stat(files.database);
  await pipeline(
    createReadStream(files.database),
    createGzip({ level: size <= smallDatabase ? 6 : 1 }),
    createWriteStream(join(dir, packedDatabaseName), { flags: "wx", mode: 0o600 }),
  );
  for (const path of files.tls) await copyOpen(await openPlain(path), join(dir, basename(path)));
  await writeManifest(dir, manifest);
}

/**
 * Unpacks a snapshot's directory: proxysql.db and the TLS files. Nothing is verified, but no more is written than the
 * manifest says: a gzip that swells beyond that, or is damaged, is a `snapshot-refused` error.
 */
export async function unpackDirectory(dir: string, toDir: string, manifest: Manifest): Promise<void> {
  const from = join(dir, packedDatabaseName);
  const to = join(toDir, databaseName);
  try {
    await removeFile(to);
    const packed = await openSingle(from);
    await pipeline(
      packed.createReadStream(),
      createGunzip(),
      limitTo(manifest.database.size),
      createWriteStream(to, { flags: "wx", mode: 0o600 }),
    );
  } catch (error) {
    throw unpackError(from, error);
  }
  for (const { name } of manifest.tls) await copyTls(join(dir, name), join(toDir, name));
}

async function copyTls(from: string, to: string): Promise<void> {
  try {
    await removeFile(to);
    await copyOpen(await openSingle(from), to);
  } catch (error) {
    throw unpackError(from, error);
  }
}

/** A damaged snapshot is refused; a full disk or the like is our own trouble, and the snapshot may be good. */
function unpackError(from: string, error: unknown): KnownError {
  const message = `${from} could not be unpacked: ${sentenceOf(error)}`;
  const code = systemCode(error);
  if (code === "ENOENT" || error instanceof NotPlainFile)
    return refusalError(refuse("incomplete", message), error);
  if (error instanceof TooLarge) return refusalError(refuse("size-differs", message), error);
  if (code?.startsWith("Z_")) return refusalError(refuse("digest-differs", message), error);
  return new KnownError("not-done", message, { from }, error);
}

class TooLarge extends Error {}

function limitTo(bytes: number): Transform {
  let seen = 0;
  return new Transform({
    transform(chunk: Buffer, _encoding: BufferEncoding, done: TransformCallback): void {
      seen += chunk.length;
      if (seen > bytes) done(new TooLarge(`it holds more than the ${bytes} bytes that its manifest names`));
      else done(null, chunk);
    },
  });
}
