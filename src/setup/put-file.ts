import { chmod, chown, lstat, mkdir, open, rename, rm } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { systemCode } from "../platform/errors.js";
import { fsyncDirectory, type Owner } from "../platform/files.js";

/** How a file is to be, apart from its bytes. */
export interface Looks {
  readonly mode: number;
  /** null: whoever we are. */
  readonly owner: Owner | null;
}

/**
 * The name under which a file is written before it is renamed. It is always the same one, so that what a kill left
 * behind is found and removed by the next run. None of rc, devd, syslogd, newsyslog and periodic reads such a name.
 */
export function unfinishedName(path: string): string {
  return join(dirname(path), `.${basename(path)}.proxysql-carp-setup`);
}

/** Writes a whole file: temporary name, owner and mode before any byte, fsync, rename. Its directory is there already. */
export async function putFile(path: string, content: string | Uint8Array, looks: Looks): Promise<void> {
  const temporary = unfinishedName(path);
  await rm(temporary, { force: true });
  const handle = await open(temporary, "wx", 0o600);
  try {
    if (looks.owner !== null) await handle.chown(looks.owner.uid, looks.owner.gid);
    await handle.writeFile(content);
    await handle.chmod(looks.mode);
    await handle.sync();
  } finally {
    await handle.close();
  }
  await rename(temporary, path);
  await fsyncDirectory(dirname(path));
}

/** Gives a file that is there another mode and owner. */
export async function dress(path: string, looks: Looks): Promise<void> {
  if (looks.owner !== null) await chown(path, looks.owner.uid, looks.owner.gid);
  await chmod(path, looks.mode);
}

/** Makes one directory, whose parent is there, and makes its name last. One that a kill left half made is fine. */
export async function putDirectory(path: string, mode: number): Promise<void> {
  await mkdir(path).catch((error: unknown) => {
    if (systemCode(error) !== "EEXIST") throw error;
  });
  // Not by mkdir's own argument: the process' umask would count. And a kill may have come between the two.
  await chmod(path, mode);
  await fsyncDirectory(dirname(path));
}

/** Those of a path's parents, and the path itself, that are not there; the topmost one first. */
export async function absentDirectories(path: string): Promise<string[]> {
  const absent: string[] = [];
  for (let at = path; at !== dirname(at); at = dirname(at)) {
    try {
      await lstat(at);
      break;
    } catch (error) {
      if (systemCode(error) !== "ENOENT") throw error;
      absent.unshift(at);
    }
  }
  return absent;
}
