import { lstat, mkdir, readdir, unlink } from "node:fs/promises";
import { basename, join } from "node:path";
import { z } from "zod";
import { wallClock } from "../platform/clock.js";
import { fsyncDirectory, writeFileDurably } from "../platform/files.js";
import { giveDirectory, openSingle, ownIdentity, removeForeign } from "../platform/plain-file.js";
import { giveWhole, moveIn } from "./box.js";
import { tlsNames } from "./content.js";
import { sha256OfOpen } from "./hashing.js";
import { lineageOfId } from "./manifest.js";
import { manifestName, readManifest } from "./manifest-file.js";
import { databaseName, packedDatabaseName } from "./pack.js";
import type { Refusal, RefusalCause } from "./refusal.js";
import { createTemporary, removeWhole } from "./temporary.js";

/** A peer that sends the same bad snapshot every minute must not fill the disk. */
const quarantineLimit = 10;
/** What an operator may want to look at. Anything else in a refused directory is dropped, and so are links. */
const keptNames: ReadonlySet<string> = new Set([manifestName, packedDatabaseName, databaseName, ...tlsNames]);

/** What follows a snapshot's id in a name: the time, and a number if two came in one millisecond. */
const timeName = /^\d{8}T\d{9}Z(-\d+)?$/;

export interface QuarantinePlaces {
  readonly quarantine: string;
  /** Where the refused directory is taken apart: if we are root, only root can write there. */
  readonly place: string;
}

/** A note of ours beside each. It lies where another user can write. */
const causeName = "cause.json";
const causeLimit = 64 * 1024;
const causeSchema = z.object({ cause: z.string(), sha256: z.string().nullable() });

/**
 * Moves a refused directory to `quarantine/<id>-<time>/` with `cause.json` in it, for an operator to look at, and
 * removes the oldest beyond ten. Returns the new path. The same one, refused for the same cause once more, is not kept
 * twice: a database that is held back is taken every minute, and would push out everything else.
 */
export async function quarantineInto(
  { quarantine, place }: QuarantinePlaces,
  dir: string,
  refusal: Refusal,
  id?: string,
): Promise<string> {
  const at = new Date(wallClock()).toISOString();
  const temporary = await createTemporary(place, "incoming");
  const taken = await takeOver(dir, join(temporary, basename(dir)));
  await dropAllBut(keptNames, taken);
  const name = await nameOf(taken, id);
  const sha256 = await digestIn(taken);
  const known = await sameIn(quarantine, name, { cause: refusal.cause, sha256 });
  if (known !== undefined) {
    await removeForeign(temporary);
    return known;
  }
  const cause = { cause: refusal.cause, sentence: refusal.sentence, at, sha256 };
  await writeFileDurably(join(taken, causeName), `${JSON.stringify(cause, null, 2)}\n`, 0o600);
  const target = await freeName(join(quarantine, `${name}-${at.replaceAll(/[-:.]/g, "")}`));
  await giveWhole(taken, quarantine);
  await moveIn(taken, target);
  await removeForeign(temporary);
  await limitTo(quarantine, place, quarantineLimit, basename(target));
  return target;
}

/** Removes what was refused of snapshot `id` for `cause`: an operator has decided that it is good. */
export async function pardonIn(
  { quarantine, place }: QuarantinePlaces,
  id: string,
  cause: RefusalCause,
): Promise<void> {
  for (const path of await refusedOf(quarantine, id)) {
    if ((await causeIn(path))?.cause === cause) await removeWhole(path, place);
  }
}

/** The digest of the refused database, packed or not; null if it has none. */
async function digestIn(dir: string): Promise<string | null> {
  for (const name of [packedDatabaseName, databaseName]) {
    const handle = await openSingle(join(dir, name)).catch(() => undefined);
    if (handle !== undefined) return sha256OfOpen(handle);
  }
  return null;
}

async function sameIn(
  quarantine: string,
  name: string,
  { cause, sha256 }: { readonly cause: string; readonly sha256: string | null },
): Promise<string | undefined> {
  if (sha256 === null) return undefined;
  for (const path of await refusedOf(quarantine, name)) {
    const there = await causeIn(path);
    if (there?.cause === cause && there.sha256 === sha256) return path;
  }
  return undefined;
}

async function refusedOf(quarantine: string, name: string): Promise<string[]> {
  const names = await readdir(quarantine);
  return names
    .filter((one) => one.startsWith(`${name}-`) && timeName.test(one.slice(name.length + 1)))
    .map((one) => join(quarantine, one));
}

async function causeIn(dir: string): Promise<z.infer<typeof causeSchema> | undefined> {
  const handle = await openSingle(join(dir, causeName)).catch(() => undefined);
  if (handle === undefined) return undefined;
  try {
    if ((await handle.stat()).size > causeLimit) return undefined;
    return causeSchema.parse(JSON.parse(await handle.readFile("utf8")));
  } catch {
    // Somebody else's: then it is not the one that is looked for.
    return undefined;
  } finally {
    await handle.close();
  }
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
