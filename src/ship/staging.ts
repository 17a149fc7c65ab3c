import { chmod, mkdtemp, readdir } from "node:fs/promises";
import { join } from "node:path";
import { ensureDirectory, giveTo, type Owner, remove } from "../platform/files.js";

/**
 * Scratch directories that ProxySQL's own user may read and write: it writes `VACUUM INTO` there and reads what is
 * attached from there. Nobody else can look in; the agent, being root, can.
 */
export class Staging {
  readonly #root: string;
  readonly #owner: () => Promise<Owner>;

  constructor(root: string, owner: () => Promise<Owner>) {
    this.#root = root;
    this.#owner = owner;
  }

  /** The directory of them all, ready for use. */
  async open(): Promise<string> {
    await ensureDirectory(this.#root, 0o700);
    await giveTo(this.#root, await this.#owner());
    return this.#root;
  }

  /** A new, empty scratch directory. */
  async make(): Promise<string> {
    await this.open();
    const dir = await mkdtemp(join(this.#root, "work-"));
    await chmod(dir, 0o700);
    await giveTo(dir, await this.#owner());
    return dir;
  }

  /** Gives what was put into a scratch directory to ProxySQL's user. */
  async hand(dir: string): Promise<void> {
    for (const name of await readdir(dir)) await giveTo(join(dir, name), await this.#owner());
  }

  remove(dir: string): Promise<void> {
    return remove(dir);
  }

  /** Removes what a killed agent left. */
  async sweep(): Promise<void> {
    await remove(this.#root);
  }
}
