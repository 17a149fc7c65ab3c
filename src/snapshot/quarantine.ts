import { lstat, mkdir, readdir, unlink } from "node:fs/promises";
import { basename, join } from "node:path";
import { wallClock } from "../platform/clock.js";
import { fsyncDirectory, writeFileDurably } from "../platform/files.js";
import { giveDirectory, openSingle, ownIdentity, removeForeign } from "../platform/plain-file.js";
import { giveWhole, moveIn } from "./box.js";
import { tlsNames } from "./content.js";
import { lineageOfId } from "./manifest.js";
import { manifestName, readManifest } from "./manifest-file.js";
import { databaseName, packedDatabaseName } from "./pack.js";
import type { Refusal } from "./refusal.js";
import { createTemporary, removeWhole } from "./temporary.js";

/** A peer that sends the same bad snapshot every minute must not fill the disk. */
const quarantineLimit = 10;
/** What an operator may want to look at. Anything else in a refused directory is dropped, and so are links. */
const keptNames: ReadonlySet<string> = new Set([manifestName, packedDatabaseName, databaseName, ...tlsNames]);

export interface QuarantinePlaces {
  readonly quarantine: string;
  /** Where the refused directory is taken apart: if we are root, only root can write there. */
  readonly place: string;
}

/**
 * Moves a refused directory to `quarantine/<id>-<time>/` with `cause.json` in it, for an operator to look at, and
 * removes the oldest beyond ten. Returns the new path.
 */
export async function quarantineInto(
  { quarantine, place }: QuarantinePlaces,
  dir: string,
  refusal: Refusal,
  id?: string,
): Promise<string> {
  const at = new Date(wallClock()).toISOString();
  const cause = { cause: refusal.cause, sentence: refusal.sentence, at };
  const temporary = await createTemporary(place, "incoming");
  const taken = await takeOver(dir, join(temporary, basename(dir)));
  await dropAllBut(keptNames, taken);
  await writeFileDurably(join(taken, "cause.json"), `${JSON.stringify(cause, null, 2)}\n`, 0o600);
  const name = `${await nameOf(taken, id)}-${at.replaceAll(/[-:.]/g, "")}`;
  const target = await freeName(join(quarantine, name));
  await giveWhole(taken, quarantine);
  await moveIn(taken, target);
  await removeForeign(temporary);
  await limitTo(quarantine, place, quarantineLimit, basename(target));
  return target;
}

/** Takes a directory out of others' reach: a new name first, then a new owner. One that is none becomes an empty one. */
async function takeOver(dir: string, taken: string): Promise<string> {
  await moveIn(dir, taken);
  if (!(await lstat(taken)).isDirectory()) {
    await unlink(taken);
    await mkdir(taken, { mode: 0o700 });
  }
  await giveDirectory(taken, ownIdentity(), 0o700);
  return taken;
}

async function dropAllBut(names: ReadonlySet<string>, dir: string): Promise<void> {
  for (const name of await readdir(dir)) {
    const path = join(dir, name);
    if (!names.has(name) || !(await isSingleFile(path))) await removeForeign(path);
  }
  await fsyncDirectory(dir);
}

async function isSingleFile(path: string): Promise<boolean> {
  const handle = await openSingle(path).catch(() => undefined);
  await handle?.close();
  return handle !== undefined;
}

/** The name goes into a path, so only one that has the form of a snapshot's is believed. */
async function nameOf(dir: string, id: string | undefined): Promise<string> {
  const manifest = id === undefined ? await readManifest(dir).catch(() => undefined) : undefined;
  const name = id ?? manifest?.id ?? basename(dir);
  return lineageOfId(name) === undefined ? "unknown" : name;
}

async function freeName(path: string): Promise<string> {
  for (let n = 0; ; n += 1) {
    const candidate = n === 0 ? path : `${path}-${n}`;
    if ((await lstat(candidate).catch(() => undefined)) === undefined) return candidate;
  }
}

async function limitTo(quarantine: string, place: string, limit: number, newest: string): Promise<void> {
  const names = (await readdir(quarantine)).filter((name) => !name.startsWith(".") && name !== newest);
  const aged = await Promise.all(
    names.map(async (name) => ({ name, at: (await lstat(join(quarantine, name))).ctimeMs })),
  );
  aged.sort((a, b) => a.at - b.at);
  for (const { name } of aged.slice(0, Math.max(0, aged.length - limit + 1))) {
    await removeWhole(join(quarantine, name), place);
  }
}
