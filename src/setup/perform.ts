import { readFile, rm } from "node:fs/promises";
import { dirname } from "node:path";
import { KnownError } from "../platform/errors.js";
import { lookAt, type Present, sha256Of } from "./look.js";
import { below, linkUser, places } from "./places.js";
import type { FileStep } from "./plan.js";
import { absentDirectories, dress, putDirectory, putFile, unfinishedName } from "./put-file.js";
import { leftTrees, modeOf, type RecordedFile, readRecord, type SetupRecord, writeRecord } from "./record.js";
import { makeLinkUser, ownerFor, writeEnabled } from "./system.js";
import type { Wanted } from "./wanted.js";

/** All that is to be done on a host. */
export interface Work {
  readonly steps: readonly FileStep[];
  /** All files that are wanted, also those that need nothing. */
  readonly wanted: readonly Wanted[];
  readonly makeUser: boolean;
  /** Set the service's variable; what it is now. */
  readonly enable: { readonly before: string | null } | null;
}

const nothing: SetupRecord = {
  schema: "proxysql-carp/setup-record/v1",
  finished: false,
  files: [],
  directories: [],
  user: null,
  enabled: null,
};

/** True if there is nothing to do, also not what an earlier run left unfinished. */
export function isIdle(work: Work, record: SetupRecord | undefined): boolean {
  return record?.finished !== false && work.steps.length === 0 && !work.makeUser && work.enable === null;
}

/**
 * Does it. What is going to be ours is on disk, in the record, before anything of it is made, so that whatever a kill
 * leaves behind is finished by the next run and known to --remove. `onDone` hears of each path when it is in place.
 */
export async function performSetup(root: string, work: Work, onDone: (path: string) => void): Promise<void> {
  const before = await readRecord(root);
  await sweep(root, [...work.wanted, ...(before?.files ?? [])]);
  const directories = await missingDirectories(root, work.steps);
  const originals = new Map<string, NonNullable<RecordedFile["original"]>>();
  for (const step of work.steps) {
    if (step.action === "replace") originals.set(step.file.path, await copyFor(root, step));
  }
  const intent = intend(before ?? nothing, work, directories, originals);
  await writeRecord(root, intent);

  if (work.makeUser) {
    await makeLinkUser();
    onDone(`user ${linkUser}`);
  }
  for (const directory of directories)
    await putDirectory(below(root, directory), modeOf(below(root, directory), root));
  const ownerOf = await ownerFor(root);
  for (const step of work.steps) {
    const { path, content, mode } = step.file;
    await unchanged(root, path, step.before);
    const original = originals.get(path);
    if (original !== undefined) await keepCopy(root, path, original);
    const looks = { mode, owner: ownerOf(step.file) };
    if (step.action === "mode") await dress(below(root, path), looks);
    else await putFile(below(root, path), content, looks);
    onDone(path);
  }
  if (work.enable !== null) {
    await writeEnabled(root, "YES");
    onDone("rc.conf");
  }
  await writeRecord(root, finish(intent, work));
}

/** Removes what a kill left under names that nothing else has. */
export async function sweep(root: string, files: readonly { readonly path: string }[]): Promise<void> {
  const names = [places.record, ...files.map(({ path }) => path)].map((path) =>
    unfinishedName(below(root, path)),
  );
  const copies = files.map(({ path }) => unfinishedName(below(root, `${path}.orig`)));
  for (const name of [...names, ...copies, ...leftTrees(root)])
    await rm(name, { recursive: true, force: true });
}

/** Directories of the host that have to be made, parents first; those of the record come with it. */
async function missingDirectories(root: string, steps: readonly FileStep[]): Promise<string[]> {
  const found = new Set<string>();
  for (const path of [places.record, ...steps.map(({ file }) => file.path)]) {
    for (const one of await absentDirectories(dirname(below(root, path)))) {
      found.add(one.slice(root.length));
    }
  }
  return [...found].sort((a, b) => a.split("/").length - b.split("/").length);
}

/** The name that a file of somebody else is kept under: the first that is free, or that has the same content already. */
async function copyFor(
  root: string,
  { file, before }: FileStep,
): Promise<NonNullable<RecordedFile["original"]>> {
  if (before.kind !== "file") throw new KnownError("not-done", `${file.path} is no plain file.`);
  const { sha256, mode, uid, gid } = before;
  for (let number = 0; ; number += 1) {
    const copy = `${file.path}.orig${number === 0 ? "" : `.${number}`}`;
    const there = await lookAt(root, copy);
    if (there.kind === "absent" || (there.kind === "file" && there.sha256 === sha256)) {
      return { copy, sha256, mode, uid, gid };
    }
  }
}

/** A copy is never a program: rc(8) and periodic(8) run whatever can be run in their directories. */
async function keepCopy(
  root: string,
  path: string,
  original: NonNullable<RecordedFile["original"]>,
): Promise<void> {
  if ((await lookAt(root, original.copy)).kind === "file") return;
  const { uid, gid, mode } = original;
  const owner = process.geteuid?.() === 0 ? { uid, gid } : null;
  await putFile(below(root, original.copy), await readFile(below(root, path)), { mode: mode & 0o666, owner });
}

/** `not-done` if somebody changed a file since it was looked at. */
async function unchanged(root: string, path: string, before: Present): Promise<void> {
  const now = await lookAt(root, path);
  const same =
    now.kind === before.kind &&
    (now.kind !== "file" || before.kind !== "file" || now.sha256 === before.sha256);
  if (!same) {
    throw new KnownError(
      "not-done",
      `${path} was changed by somebody else in this very moment. Run setup again.`,
    );
  }
}

function intend(
  before: SetupRecord,
  work: Work,
  directories: readonly string[],
  originals: ReadonlyMap<string, NonNullable<RecordedFile["original"]>>,
): SetupRecord {
  const files = new Map(before.files.map((file) => [file.path, file]));
  for (const { action, file, before: present } of work.steps) {
    if (action === "mode") continue;
    const earlier = files.get(file.path);
    const old = action === "update" && present.kind === "file" ? [present.sha256] : [];
    const kept = originals.get(file.path);
    const { original, copies } = keeping(earlier, kept);
    files.delete(file.path);
    files.set(file.path, {
      path: file.path,
      sha256: [sha256Of(file.content), ...old],
      grows: file.once && !file.secret,
      original,
      copies,
    });
  }
  return {
    ...before,
    finished: false,
    files: [...files.values()],
    directories: [...new Set([...before.directories, ...directories])],
    user: work.makeUser ? linkUser : before.user,
    enabled: before.enabled ?? work.enable,
  };
}

/** What was there before setup is put back by --remove. What somebody changed afterwards is kept, and left to him. */
function keeping(
  earlier: RecordedFile | undefined,
  kept: NonNullable<RecordedFile["original"]> | undefined,
): Pick<RecordedFile, "original" | "copies"> {
  if (earlier === undefined) return { original: kept ?? null, copies: [] };
  const isKnown = kept === undefined || kept.copy === earlier.original?.copy;
  return {
    original: earlier.original,
    copies: isKnown ? earlier.copies : [...new Set([...earlier.copies, kept.copy])],
  };
}

function finish(intent: SetupRecord, work: Work): SetupRecord {
  const wanted = new Map(work.wanted.map((file) => [file.path, file]));
  const files = intent.files.map((file) => {
    const now = wanted.get(file.path);
    return now === undefined || now.once ? file : { ...file, sha256: [sha256Of(now.content)] };
  });
  return { ...intent, finished: true, files };
}
