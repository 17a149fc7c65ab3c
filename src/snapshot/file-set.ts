import { createHash } from "node:crypto";
import { lstat, readdir } from "node:fs/promises";
import { join } from "node:path";
import { wallClock } from "../platform/clock.js";
import { copyOpen, openPlain } from "../platform/plain-file.js";
import { createBox, moveIn, syncAll } from "./box.js";
import { tlsNames } from "./content.js";
import { sha256OfOpen } from "./hashing.js";
import { databaseName } from "./pack.js";
import { createTemporary, removeWhole, sweepTemporaries } from "./temporary.js";

/** What SQLite may have left beside the database. They belong to exactly that file and must never meet another. */
export const journalNames = ["-journal", "-wal", "-shm"].map((suffix) => `${databaseName}${suffix}`);

/** Kept file sets. They are only for people who want back what a snapshot replaced. */
const keptLimit = 5;
const keptName = /^\d{8}T\d{9}Z-[0-9a-f]{16}$/;

/**
 * Copies ProxySQL's database, what belongs to it and the TLS files to `keepDir/<time>-<digest>/`, 0700, and removes
 * the oldest such copies beyond five. A set that is kept already is not copied again, so that a node that tries in
 * vain does not push out what it had at first. Returns the directory, or null if there was no database.
 */
export async function keepFileSet(datadir: string, keepDir: string): Promise<string | null> {
  if (!(await isPlain(join(datadir, databaseName)))) return null;
  await createBox(keepDir);
  await sweepTemporaries(keepDir);
  const names = await presentIn(datadir);
  const digest = await digestOf(datadir, names);
  const known = (await readdir(keepDir)).find((name) => keptName.test(name) && name.endsWith(digest));
  if (known !== undefined) return join(keepDir, known);
  const work = await createTemporary(keepDir, "incoming");
  for (const name of names) await copyOpen(await openPlain(join(datadir, name)), join(work, name));
  await syncAll(work);
  const time = new Date(wallClock()).toISOString().replaceAll(/[-:.]/g, "");
  const target = join(keepDir, `${time}-${digest}`);
  await moveIn(work, target);
  await limitKept(keepDir, target);
  return target;
}

/** Copies a kept file set into a directory of ours, to be put back. */
export async function copyFileSet(kept: string, toDir: string): Promise<void> {
  for (const name of await presentIn(kept))
    await copyOpen(await openPlain(join(kept, name)), join(toDir, name));
}

async function presentIn(datadir: string): Promise<string[]> {
  const names = [databaseName, ...journalNames, ...tlsNames];
  const there = await Promise.all(names.map((name) => isPlain(join(datadir, name))));
  return names.filter((_, i) => there[i]);
}

/** The directory is ProxySQL's user's: a link or a FIFO there is no file worth keeping. */
async function isPlain(path: string): Promise<boolean> {
  const facts = await lstat(path).catch(() => undefined);
  return facts?.isFile() === true;
}

async function digestOf(datadir: string, names: readonly string[]): Promise<string> {
  const hash = createHash("sha256");
  for (const name of names)
    hash.update(`${name} ${await sha256OfOpen(await openPlain(join(datadir, name)))}\n`);
  return hash.digest("hex").slice(0, 16);
}

async function limitKept(keepDir: string, newest: string): Promise<void> {
  const kept = (await readdir(keepDir)).filter(
    (name) => keptName.test(name) && join(keepDir, name) !== newest,
  );
  const doomed = kept.sort().slice(0, Math.max(0, kept.length - keptLimit + 1));
  for (const name of doomed) await removeWhole(join(keepDir, name));
}
