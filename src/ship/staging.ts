import { type FileHandle, mkdtemp } from "node:fs/promises";
import { join } from "node:path";
import { KnownError } from "../platform/errors.js";
import { ensureDirectory, type Owner } from "../platform/files.js";
import {
  copyOpen,
  giveDirectory,
  isRoot,
  openSingle,
  ownIdentity,
  removeForeign,
} from "../platform/plain-file.js";

const databaseName = "proxysql.db";

/**
 * Scratch directories of the agent's, and the two ways a database passes between it and ProxySQL. The directories are
 * ours, so that ProxySQL's user can plant nothing in the way of what root does there. It reads a finished database
 * that was handed over, and writes its `VACUUM INTO` in a directory of its own, from which only bytes are taken.
 */
export class Staging {
  readonly #root: string;
  readonly #owner: () => Promise<Owner>;

  constructor(root: string, owner: () => Promise<Owner>) {
    this.#root = root;
    this.#owner = owner;
  }

  /** The directory of them all, ready for use: ProxySQL's user can go through it, and that is all. */
  async open(): Promise<string> {
    await ensureDirectory(this.#root, 0o711);
    await giveDirectory(this.#root, ownIdentity(), 0o711);
    return this.#root;
  }

  /** A new, empty scratch directory that only the agent can enter. */
  async make(): Promise<string> {
    return mkdtemp(join(await this.open(), "work-"));
  }

  /** Gives the database in a scratch directory to ProxySQL's user to read. The rest and the directory stay ours. */
  async hand(dir: string): Promise<void> {
    if (!isRoot()) return;
    const { uid, gid } = await this.#owner();
    const handle = await openSingle(join(dir, databaseName));
    try {
      await handle.chown(uid, gid);
      await handle.chmod(0o600);
    } finally {
      await handle.close();
    }
    await giveDirectory(dir, ownIdentity(), 0o711);
  }

  /**
   * Lets `write` make ProxySQL write a file to the path it gets, and copies it to `to`. Anything but a plain file of
   * ProxySQL's user's is `not-done`.
   */
  async receive(to: string, write: (path: string) => Promise<void>): Promise<void> {
    const drop = await mkdtemp(join(await this.open(), "drop-"));
    try {
      const owner = await this.#owner();
      await giveDirectory(drop, owner, 0o700);
      const path = join(drop, databaseName);
      await write(path);
      await copyOpen(await openWritten(path, owner), to);
    } finally {
      await removeForeign(drop);
    }
  }

  /** Removes one scratch directory. */
  remove(dir: string): Promise<void> {
    return removeForeign(dir);
  }

  /** Removes what a killed agent left. */
  async sweep(): Promise<void> {
    await removeForeign(this.#root);
  }
}

/** A ProxySQL that was started by root and stayed root is trusted as well. */
async function openWritten(path: string, owner: Owner): Promise<FileHandle> {
  const handle = await openSingle(path).catch((error: unknown) => {
    throw new KnownError("not-done", `${path} is not the file that ProxySQL was to write.`, { path }, error);
  });
  const { uid } = await handle.stat();
  if (uid === owner.uid || uid === ownIdentity().uid) return handle;
  await handle.close();
  throw new KnownError("not-done", `${path} belongs to user ${uid}, not to ProxySQL's (${owner.uid}).`, {
    path,
  });
}
