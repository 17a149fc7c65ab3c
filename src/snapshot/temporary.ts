import { randomInt } from "node:crypto";
import { lstat, mkdir, readdir } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { wallClock } from "../platform/clock.js";
import { systemCode } from "../platform/errors.js";
import { exists, renameDurably } from "../platform/files.js";
import { removeForeign } from "../platform/plain-file.js";

/** `.incoming-<pid>-<n>`: being filled. `.doomed-<pid>-<n>`: being removed. */
const temporaryName = /^\.(?:incoming|doomed)-(\d+)-(\d+)$/;
/** Process ids are used again. No process works on one snapshot for a day. */
const longestWork = 24 * 60 * 60 * 1_000;

/** Process ids come again, after a boot even quickly: numbers from a random start tell our own directories. */
const firstNumber = randomInt(1_000_000_000);
let counter = firstNumber;

/** Makes a directory that belongs to this process and that no reader takes for a snapshot. */
export async function createTemporary(parent: string, kind: "incoming" | "doomed"): Promise<string> {
  for (;;) {
    counter += 1;
    const path = join(parent, `.${kind}-${process.pid}-${counter}`);
    try {
      await mkdir(path, { mode: 0o700 });
    } catch (error) {
      // One of an earlier process with our id: leave it to `sweepTemporaries`.
      if (systemCode(error) === "EEXIST") continue;
      throw error;
    }
    return path;
  }
}

/**
 * Removes a directory that readers know: out of sight in one step first, so that half of it is never seen. `place` is
 * where it goes for that; root names a directory that only root can write.
 */
export async function removeWhole(dir: string, place = dirname(dir)): Promise<void> {
  const hidden = await createTemporary(place, "doomed");
  await renameDurably(dir, join(hidden, basename(dir)));
  await removeForeign(hidden);
}

/** Removes the temporary directories in `parent` whose process is gone, by way of `place`. Returns their names. */
export async function sweepTemporaries(parent: string, place = parent): Promise<string[]> {
  if (!(await exists(parent))) return [];
  const removed: string[] = [];
  for (const name of await readdir(parent)) {
    const match = temporaryName.exec(name);
    const path = join(parent, name);
    if (!match || !(await isAbandoned(path, Number(match[1]), Number(match[2])))) continue;
    await (place === parent ? removeForeign(path) : removeWhole(path, place));
    removed.push(name);
  }
  return removed;
}

async function isAbandoned(path: string, pid: number, number: number): Promise<boolean> {
  if (pid === process.pid) return number <= firstNumber || number > counter;
  if (!isAlive(pid)) return true;
  const facts = await lstat(path).catch(() => undefined);
  return facts !== undefined && wallClock() - facts.mtimeMs > longestWork;
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return systemCode(error) !== "ESRCH";
  }
}
