import { lstat, open, realpath, stat } from "node:fs/promises";
import { join } from "node:path";
import { sleep } from "../platform/clock.js";
import { KnownError, systemCode } from "../platform/errors.js";
import { exists, removeFile } from "../platform/files.js";
import { copyOpen, NotPlainFile, openPlain } from "../platform/plain-file.js";
import { copyDatabaseFile } from "./copy-database.js";
import type { Manifest } from "./manifest.js";
import { manifestName, readManifest } from "./manifest-file.js";
import { databaseName, packedDatabaseName, unpackDirectory, unpackError, unpackFile } from "./pack.js";
import { refusalError, refuse } from "./refusal.js";

/** A configuration that somebody pointed at, as `proxysql.db` (and TLS files, if it has a manifest) in `dir`. */
export interface Opened {
  readonly kind: "file" | "gzip" | "directory";
  readonly dir: string;
  readonly manifest: Manifest | null;
  /** It came out of a gzip: the manifest's, or one that is whole as far as a gzip tells. */
  readonly packed: boolean;
}

/** A gzip without a manifest may hold anything. */
const mostUnpacked = 4 * 1024 ** 3;
const copyAttempts = 5;
const copyPauseMs = 100;

/**
 * Copies or unpacks what lies at `path` into the empty directory `dir`: a database, one in gzip, or the directory of a
 * snapshot with its manifest. Takes no lock: somebody may be using the file, and ProxySQL waits for locks without an
 * end. Damage that shows on the way is a `snapshot-refused` error, nothing there `snapshot-missing`.
 */
export async function openPath(path: string, dir: string): Promise<Opened> {
  const real = await realpath(path).catch((error: unknown) => {
    if (systemCode(error) !== "ENOENT" && systemCode(error) !== "ENOTDIR") throw error;
    throw new KnownError("snapshot-missing", `There is no ${path}.`, { path }, error);
  });
  if ((await stat(real)).isDirectory()) return openDirectory(real, dir);
  const file = join(dir, databaseName);
  if (await isGzip(real)) {
    await unpackAlone(real, file);
    return { kind: "gzip", dir, manifest: null, packed: true };
  }
  await copyAtRest(real, file);
  return { kind: "file", dir, manifest: null, packed: false };
}

async function openDirectory(from: string, dir: string): Promise<Opened> {
  if (!(await exists(join(from, manifestName))))
    throw refusalError(
      refuse("incomplete", `${from} has no ${manifestName}: it is no snapshot, or not all of one.`),
    );
  const manifest = await readManifest(from);
  if (await exists(join(from, packedDatabaseName))) {
    await unpackDirectory(from, dir, manifest);
    return { kind: "directory", dir, manifest, packed: true };
  }
  for (const name of [databaseName, ...manifest.tls.map((file) => file.name)]) {
    if (!(await exists(join(from, name))))
      throw refusalError(refuse("incomplete", `${from} has no ${name}.`));
    await copyAtRest(join(from, name), join(dir, name));
  }
  return { kind: "directory", dir, manifest, packed: false };
}

/** A gzip that no manifest describes: its own checksum is right, and it is all that is in the file. */
async function unpackAlone(from: string, to: string): Promise<void> {
  const { size } = await stat(from);
  try {
    const read = await unpackFile(await openPlain(from), to, mostUnpacked);
    const unpacked = (await stat(to)).size;
    if (read === size && (await lengthAtEnd(from, size)) === unpacked % 2 ** 32) return;
  } catch (error) {
    throw unpackError(from, error);
  }
  throw refusalError(refuse("digest-differs", `${from} has something behind the end of its gzip.`));
}

/** The length that a gzip says it holds, in its last four bytes (RFC 1952): of the last one, if there are several. */
async function lengthAtEnd(path: string, size: number): Promise<number> {
  const handle = await open(path);
  try {
    const { buffer } = await handle.read(Buffer.alloc(4), 0, 4, size - 4);
    return buffer.readUInt32LE();
  } finally {
    await handle.close();
  }
}

async function isGzip(path: string): Promise<boolean> {
  const handle = await openFile(path);
  try {
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(2), 0, 2, 0);
    return bytesRead === 2 && buffer.readUInt16BE() === 0x1f8b;
  } finally {
    await handle.close();
  }
}

/** Copies a file that nobody writes to meanwhile. One with a rollback journal is rolled back, as ProxySQL would do. */
async function copyAtRest(from: string, to: string): Promise<void> {
  if (await hasJournal(from)) return copyDatabaseFile(from, to);
  for (let attempt = 1; attempt <= copyAttempts; attempt += 1) {
    const before = await markOf(from);
    await removeFile(to);
    await copyOpen(await openFile(from), to);
    if ((await markOf(from)) === before && !(await hasJournal(from))) return;
    await sleep(copyPauseMs);
  }
  throw new KnownError("not-done", `${from} is being written to all the time.`, { from });
}

async function hasJournal(path: string): Promise<boolean> {
  const facts = await lstat(`${path}-journal`).catch(() => undefined);
  return facts?.isFile() === true && facts.size > 0;
}

async function markOf(path: string): Promise<string> {
  const { ino, size, mtimeNs } = await lstat(path, { bigint: true });
  return `${ino} ${size} ${mtimeNs}`;
}

async function openFile(path: string): ReturnType<typeof openPlain> {
  return openPlain(path).catch((error: unknown) => {
    if (!(error instanceof NotPlainFile)) throw error;
    throw refusalError(refuse("not-a-database", `${error.message}.`), error);
  });
}
