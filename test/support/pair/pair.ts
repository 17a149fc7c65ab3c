import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { type NodeOptions, PairNode } from "./node.js";

export interface Pair {
  readonly dir: string;
  readonly a: PairNode;
  readonly b: PairNode;
  /** Ends both nodes and removes their directories. */
  end(): Promise<void>;
}

/** Two configured nodes that know each other, with nothing running yet. */
export async function createPair(options: Pick<NodeOptions, "standby" | "extra" | "traces">): Promise<Pair> {
  // Short on purpose: a Unix socket's path has room for 104 bytes on FreeBSD.
  const dir = mkdtempSync(join(tmpdir(), "pcarp-"));
  const a = await PairNode.create({ ...options, name: "a", dir: join(dir, "a") });
  const b = await PairNode.create({ ...options, name: "b", dir: join(dir, "b") });
  a.configure([b]);
  b.configure([a]);
  return {
    dir,
    a,
    b,
    async end() {
      await Promise.all([a.stop(), b.stop()]);
      await until(`${dir} is removed`, async () => removed(dir));
    },
  };
}

/**
 * Whether a tree is gone. A process that served the peer outlives its sshd for a moment, and may make a directory
 * between the listing of a tree and the end of its removal: rm's own retries do not list again.
 */
function removed(dir: string): boolean {
  rmSync(dir, { recursive: true, force: true });
  return !existsSync(dir);
}

/** Asks until the answer is other than undefined or false; an error of asking counts as not yet. */
export async function until<T>(
  what: string,
  ask: () => Promise<T | undefined | false>,
  ms = 20_000,
): Promise<T> {
  const end = Date.now() + ms;
  let last: unknown;
  while (Date.now() < end) {
    try {
      const value = await ask();
      if (value !== undefined && value !== false) return value;
      last = undefined;
    } catch (error) {
      last = error;
    }
    await sleep(10);
  }
  throw new Error(`${what}: not within ${ms} ms${last === undefined ? "" : `; last: ${String(last)}`}`);
}
