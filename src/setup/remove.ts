import { chmod, chown, readdir, rename, rm, rmdir } from "node:fs/promises";
import { dirname } from "node:path";
import { systemCode } from "../platform/errors.js";
import { fsyncDirectory } from "../platform/files.js";
import { isRoot } from "../platform/plain-file.js";
import { lookAt, type Present } from "./look.js";
import { sweep } from "./perform.js";
import { below, places } from "./places.js";
import { type RecordedFile, removeRecord, type SetupRecord, writeRecord } from "./record.js";
import { hasLinkUser, readEnabled, removeLinkUser, writeEnabled } from "./system.js";

/** What is to become of one file that setup made. */
export interface RemoveStep {
  readonly action: "remove" | "restore" | "keep" | "gone";
  readonly path: string;
  /** Why it stays. */
  readonly why: "changed" | "used" | "no file" | null;
  /** What it was before is under this name; null if nothing is to be put back. */
  readonly copy: string | null;
}

/** Pure. The other way round than they were made, so that devd's rule goes before the hook that it calls. */
export function planRemoval(
  record: SetupRecord,
  present: ReadonlyMap<string, Present>,
  mayRemove: (path: string) => boolean,
): RemoveStep[] {
  const look = (path: string): Present => present.get(path) ?? { kind: "absent" };
  return [...record.files].reverse().map((file) => {
    const now = look(file.path);
    const copy = copyOf(file, look);
    const step = { path: file.path, copy, why: null };
    if (now.kind === "other") return { ...step, action: "keep", why: "no file" };
    if (now.kind === "absent") return { ...step, action: copy === null ? "gone" : "restore" };
    // Put back already, by a run that was killed; or never replaced.
    if (file.original !== null && now.sha256 === file.original.sha256) return { ...step, action: "gone" };
    const isOurs = file.sha256.includes(now.sha256);
    if (isOurs || mayRemove(file.path)) return { ...step, action: copy === null ? "remove" : "restore" };
    return { ...step, action: "keep", why: file.grows ? "used" : "changed" };
  });
}

/** The name under which the original is, if it is still what it was. */
function copyOf({ original }: RecordedFile, look: (path: string) => Present): string | null {
  if (original === null) return null;
  const copy = look(original.copy);
  return copy.kind === "file" && copy.sha256 === original.sha256 ? original.copy : null;
}

/** Every path that a plan of removal looks at. */
export async function lookForRemoval(root: string, record: SetupRecord): Promise<Map<string, Present>> {
  const found = new Map<string, Present>();
  for (const { path, original } of record.files) {
    found.set(path, await lookAt(root, path));
    if (original !== null) found.set(original.copy, await lookAt(root, original.copy));
  }
  return found;
}

/** Does it, and returns the directories that stay because something of somebody else is in them. */
export async function performRemoval(
  root: string,
  record: SetupRecord,
  steps: readonly RemoveStep[],
  onDone: (what: string) => void,
): Promise<string[]> {
  await sweep(root, record.files);
  if (record.enabled !== null && (await readEnabled(root)) === "YES") {
    await writeEnabled(root, record.enabled.before);
    onDone("rc.conf");
  }
  for (const { action, path, copy } of steps) {
    const real = below(root, path);
    if (action === "remove") await rm(real, { force: true });
    if (action === "restore" && copy !== null) await putBack(root, record, path, copy);
    if (action === "gone" && copy !== null) await rm(below(root, copy), { force: true });
    if (action === "remove" || action === "restore") {
      await fsyncDirectory(dirname(real)).catch(ignoreAbsent);
      onDone(path);
    }
  }
  if (record.user !== null && (await hasLinkUser(root))) {
    await removeLinkUser();
    onDone(`user ${record.user}`);
  }
  return removeDirectories(root, record, steps);
}

async function putBack(root: string, record: SetupRecord, path: string, copy: string): Promise<void> {
  const original = record.files.find((file) => file.path === path)?.original;
  if (!original) return;
  if (isRoot()) await chown(below(root, copy), original.uid, original.gid);
  await chmod(below(root, copy), original.mode);
  await rename(below(root, copy), below(root, path));
}

async function removeDirectories(
  root: string,
  record: SetupRecord,
  steps: readonly RemoveStep[],
): Promise<string[]> {
  const state = below(root, places.record);
  const leads = (directory: string): boolean => state.startsWith(`${below(root, directory)}/`);
  const stays: string[] = [];
  for (const directory of [...record.directories].reverse()) {
    if (leads(directory)) continue;
    if (!(await removeEmpty(below(root, directory)))) stays.unshift(directory);
  }
  const kept = new Set(steps.filter(({ action }) => action === "keep").map(({ path }) => path));
  if (kept.size === 0) return [...(await removeRecord(root, record)), ...stays];
  // What stays is still ours: --force takes it the next time.
  const directories = record.directories.filter((directory) => leads(directory) || stays.includes(directory));
  const files = record.files.filter(({ path }) => kept.has(path));
  await writeRecord(root, { ...record, files, directories, user: null, enabled: null });
  return stays;
}

async function removeEmpty(path: string): Promise<boolean> {
  try {
    if ((await readdir(path)).length > 0) return false;
    await rmdir(path);
    await fsyncDirectory(dirname(path));
    return true;
  } catch (error) {
    if (systemCode(error) === "ENOENT") return true;
    throw error;
  }
}

function ignoreAbsent(error: unknown): void {
  if (systemCode(error) !== "ENOENT") throw error;
}
