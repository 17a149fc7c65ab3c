import { createHash } from "node:crypto";
import { createReadStream, createWriteStream } from "node:fs";
import { type FileHandle, stat, statfs } from "node:fs/promises";
import { basename, join } from "node:path";
import { Transform, type TransformCallback } from "node:stream";
import { pipeline } from "node:stream/promises";
import { createGunzip, createGzip } from "node:zlib";
import { KnownError, sentenceOf, systemCode } from "../platform/errors.js";
import { removeFile } from "../platform/files.js";
import { copyOpen, NotPlainFile, openPlain, openSingle } from "../platform/plain-file.js";
import { sha256OfFile, sha256OfOpen } from "./hashing.js";
import type { Manifest } from "./manifest.js";
import { writeManifest } from "./manifest-file.js";
import { refusalError, refusalOf, refuse } from "./refusal.js";
import { sealed } from "./seal.js";

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

/**
 * Writes a snapshot into an existing directory: the database as gzip, the TLS files, the manifest; all 0600. Returns
 * the manifest as it was written, which tells of the gzip too.
 */
export async function packInto(
  dir: string,
  files: SnapshotFiles,
  manifest: Omit<Manifest, "seal" | "packed">,
): Promise<Manifest> {
  const packed = await packDatabase(files.database, join(dir, packedDatabaseName));
  for (const path of files.tls) await copyOpen(await openPlain(path), join(dir, basename(path)));
  const whole = sealed({ ...manifest, packed });
  await writeManifest(dir, whole);
  return whole;
}

/** Writes a database as gzip to a new file, and tells of that what a manifest does. */
export async function packDatabase(database: string, to: string): Promise<Manifest["packed"]> {
  const { size } = await stat(database);
  await pipeline(
    createReadStream(database),
    createGzip({ level: size <= smallDatabase ? 6 : 1 }),
    createWriteStream(to, { flags: "wx", mode: 0o600 }),
  );
  return { size: (await stat(to)).size, sha256: await sha256OfFile(to) };
}

/**
 * Unpacks a snapshot's directory: proxysql.db and the TLS files. Beyond the gzip, which must be the manifest's to the
 * bit, nothing is verified. No more is written than the manifest says, and nothing if the disk has no room for that.
 * Damage is a `snapshot-refused` error.
 */
export async function unpackDirectory(dir: string, toDir: string, manifest: Manifest): Promise<void> {
  const from = join(dir, packedDatabaseName);
  const to = join(toDir, databaseName);
  try {
    await removeFile(to);
    await requireRoom(toDir, manifest.database.size);
    await requirePacked(from, manifest);
    await unpackFile(await openSingle(from), to, manifest.database.size);
  } catch (error) {
    throw unpackError(from, error);
  }
  for (const { name } of manifest.tls) await copyTls(join(dir, name), join(toDir, name));
}

/** Unpacks one open gzip to a new file of at most `limit` bytes, and closes it. Returns how many bytes of it that took. */
export async function unpackFile(packed: FileHandle, to: string, limit: number): Promise<number> {
  const gunzip = createGunzip();
  await pipeline(
    packed.createReadStream(),
    gunzip,
    limitTo(limit),
    createWriteStream(to, { flags: "wx", mode: 0o600 }),
  );
  return gunzip.bytesWritten;
}

/**
 * Reads a packed snapshot through: its gzip must be the manifest's and give the manifest's database, and the TLS files
 * must be the manifest's. Writes nothing. Damage is a `snapshot-refused` error.
 */
export async function checkPacked(dir: string, manifest: Manifest): Promise<void> {
  const from = join(dir, packedDatabaseName);
  const { size, sha256 } = manifest.database;
  try {
    await requirePacked(from, manifest);
    const hash = createHash("sha256");
    await pipeline((await openSingle(from)).createReadStream(), createGunzip(), limitTo(size), hash);
    if (hash.digest("hex") !== sha256) throw new NotThePacked("it does not hold the manifest's database");
    for (const { name, sha256 } of manifest.tls) await checkTls(join(dir, name), sha256);
  } catch (error) {
    throw unpackError(from, error);
  }
}

async function checkTls(path: string, sha256: string): Promise<void> {
  const found = await sha256OfOpen(await openSingle(path));
  if (found === sha256) return;
  throw refusalError(refuse("tls-differs", `${path} has SHA-256 ${found}, its manifest says ${sha256}.`));
}

async function copyTls(from: string, to: string): Promise<void> {
  try {
    await removeFile(to);
    await copyOpen(await openSingle(from), to);
  } catch (error) {
    throw unpackError(from, error);
  }
}

/**
 * The file must be the manifest's before one byte of it is unpacked: a gzip has bits that its content does not show,
 * and what follows its end is read by nobody.
 */
async function requirePacked(from: string, { packed }: Manifest): Promise<void> {
  const handle = await openSingle(from);
  const { size } = await handle.stat();
  if (size !== packed.size) {
    await handle.close();
    throw new NotThePacked(`it has ${size} bytes, its manifest says ${packed.size}`);
  }
  const sha256 = await sha256OfOpen(handle);
  if (sha256 !== packed.sha256)
    throw new NotThePacked(`it has SHA-256 ${sha256}, its manifest says ${packed.sha256}`);
}

/** A manifest may claim any size, and an agent that fills the disk harms more than a snapshot that is not unpacked. */
async function requireRoom(dir: string, bytes: number): Promise<void> {
  const { bavail, bsize } = await statfs(dir);
  if (bavail * bsize >= bytes) return;
  const sentence = `it takes ${bytes} bytes, and the disk has ${bavail * bsize}`;
  throw Object.assign(new Error(sentence), { code: "ENOSPC" });
}

/**
 * What unpacking threw, as an error of ours: a damaged snapshot is refused; a full disk or the like is our own trouble,
 * and the snapshot may be good.
 */
export function unpackError(from: string, error: unknown): KnownError {
  const message = `${from} could not be unpacked: ${sentenceOf(error)}`;
  const code = systemCode(error);
  if (error instanceof KnownError && refusalOf(error) !== undefined) return error;
  if (code === "ENOENT" || error instanceof NotPlainFile)
    return refusalError(refuse("incomplete", message), error);
  if (error instanceof TooLarge) return refusalError(refuse("size-differs", message), error);
  if (error instanceof NotThePacked || code?.startsWith("Z_"))
    return refusalError(refuse("digest-differs", message), error);
  return new KnownError("not-done", message, { from }, error);
}

class NotThePacked extends Error {}

class TooLarge extends Error {}

function limitTo(bytes: number): Transform {
  let seen = 0;
  return new Transform({
    transform(chunk: Buffer, _encoding: BufferEncoding, done: TransformCallback): void {
      seen += chunk.length;
      if (seen > bytes) done(new TooLarge(`it holds more than the ${bytes} bytes it should`));
      else done(null, chunk);
    },
  });
}
