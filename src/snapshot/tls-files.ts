import type { Stats } from "node:fs";
import { type FileHandle, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { KnownError, sentenceOf, systemCode } from "../platform/errors.js";
import { type Owner, ownerOf } from "../platform/files.js";
import { openPlain } from "../platform/plain-file.js";
import { type TlsFile, tlsNames } from "./content.js";
import { sha256Of } from "./hashing.js";
import { tlsSizeLimit } from "./manifest.js";

/** Copies of ProxySQL's TLS files, and what a manifest says of them. */
export interface TlsCopies {
  readonly paths: readonly string[];
  readonly files: readonly TlsFile[];
  readonly warnings: readonly string[];
}

/**
 * Copies the TLS triple from ProxySQL's directory into `dir`, mode 0600; its digests are those of the bytes copied.
 * An incomplete triple is left out with a warning: ProxySQL does not start with one, here or on the peer.
 */
export async function collectTls(datadir: string, dir: string): Promise<TlsCopies> {
  const user = await ownerOf(datadir);
  const found = await Promise.all(tlsNames.map((name) => read(join(datadir, name), user)));
  const missing = tlsNames.filter((_, i) => found[i] === undefined);
  if (missing.length === tlsNames.length) return { paths: [], files: [], warnings: [] };
  if (missing.length > 0) {
    const warning = `${datadir} has no ${missing.join(" and no ")}, but other TLS files: they are not in the snapshot.`;
    return { paths: [], files: [], warnings: [warning] };
  }
  const paths: string[] = [];
  const files: TlsFile[] = [];
  for (const [i, name] of tlsNames.entries()) {
    const bytes = found[i] as Buffer;
    const path = join(dir, name);
    await writeFile(path, bytes, { mode: 0o600, flag: "wx" });
    paths.push(path);
    files.push({ name, size: bytes.length, sha256: sha256Of(bytes) });
  }
  return { paths, files, warnings: [] };
}

/** An empty file counts as missing: it is one that is just being written. */
async function read(path: string, user: Owner): Promise<Buffer | undefined> {
  let handle: FileHandle | undefined;
  try {
    handle = await openPlain(path);
    const facts = await handle.stat();
    requireTlsFile(path, facts, user);
    const bytes = await handle.readFile();
    return bytes.length === 0 ? undefined : bytes;
  } catch (error) {
    if (systemCode(error) === "ENOENT") return undefined;
    if (error instanceof KnownError) throw error;
    throw new KnownError("not-done", `${path} cannot be read: ${sentenceOf(error)}`, { path }, error);
  } finally {
    await handle?.close();
  }
}

/**
 * The agent runs as root and what it reads here goes to another host. ProxySQL's user could put a link to a secret of
 * root's in place of its key, so only what that user can read itself is taken.
 */
function requireTlsFile(path: string, facts: Stats, user: Owner): void {
  const { uid, gid, mode, size } = facts;
  const readable =
    user.uid === 0 || uid === user.uid || (gid === user.gid && (mode & 0o040) !== 0) || (mode & 0o004) !== 0;
  if (size > tlsSizeLimit) {
    throw new KnownError("not-done", `${path} is no TLS file: it has ${size} bytes.`, {
      path,
    });
  }
  if (!readable) {
    throw new KnownError(
      "not-done",
      `${path} is not readable for the owner of its directory, so not ProxySQL's.`,
      {
        path,
      },
    );
  }
}
