import { readdir, stat } from "node:fs/promises";
import { basename, join } from "node:path";
import { wallClock } from "../platform/clock.js";
import { writeFileDurably } from "../platform/files.js";
import { createBox, giveWhole, moveIn } from "./box.js";
import { lineageOfId } from "./manifest.js";
import { readManifest } from "./manifest-file.js";
import type { Refusal } from "./refusal.js";
import { removeWhole } from "./temporary.js";

/** A peer that sends the same bad snapshot every minute must not fill the disk. */
const quarantineLimit = 10;

/**
 * Moves a refused directory to `quarantine/<id>-<time>/` with `cause.json` in it, for an operator to look at, and
 * removes the oldest beyond ten. Returns the new path.
 */
export async function quarantineInto(
  quarantine: string,
  dir: string,
  refusal: Refusal,
  id?: string,
): Promise<string> {
  await createBox(quarantine);
  const at = new Date(wallClock()).toISOString();
  const cause = { cause: refusal.cause, sentence: refusal.sentence, at };
  await writeFileDurably(join(dir, "cause.json"), `${JSON.stringify(cause, null, 2)}\n`, 0o600);
  await giveWhole(dir, quarantine);
  const name = `${await nameOf(dir, id)}-${at.replaceAll(/[-:.]/g, "")}`;
  const target = await freeName(join(quarantine, name));
  await moveIn(dir, target);
  await limitTo(quarantine, quarantineLimit, basename(target));
  return target;
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
    if ((await stat(candidate).catch(() => undefined)) === undefined) return candidate;
  }
}

async function limitTo(quarantine: string, limit: number, newest: string): Promise<void> {
  const names = (await readdir(quarantine)).filter((name) => !name.startsWith(".") && name !== newest);
  const aged = await Promise.all(
    names.map(async (name) => ({ name, at: (await stat(join(quarantine, name))).ctimeMs })),
  );
  aged.sort((a, b) => a.at - b.at);
  for (const { name } of aged.slice(0, Math.max(0, aged.length - limit + 1))) {
    await removeWhole(join(quarantine, name));
  }
}
