import { mkdir, readdir, rename, rm } from "node:fs/promises";
import { dirname, join, relative } from "node:path";
import { z } from "zod";
import { KnownError } from "../platform/errors.js";
import { fsyncDirectory } from "../platform/files.js";
import { below, places } from "./places.js";
import { absentDirectories, putDirectory, putFile } from "./put-file.js";
import { readTextIfThere } from "./read.js";

const fileSchema = z.object({
  /** On the host. */
  path: z.string(),
  /** What it may hold and still be ours: what is being put there, and until that is done what was there before. */
  sha256: z.array(z.string()).min(1),
  /** It stays ours whatever is in it: a log. */
  grows: z.boolean(),
  /** What somebody else had there, and where it is now. */
  original: z
    .object({ copy: z.string(), sha256: z.string(), mode: z.number(), uid: z.number(), gid: z.number() })
    .nullable(),
  /** Under these names is what somebody changed, and setup was made to overwrite. They are his. */
  copies: z.array(z.string()),
});

const recordSchema = z.object({
  schema: z.literal("proxysql-carp/setup-record/v1"),
  /** False from before the first change until after the last one. */
  finished: z.boolean(),
  files: z.array(fileSchema),
  /** Directories that were not there, parents first. */
  directories: z.array(z.string()),
  /** The link's user was made. */
  user: z.string().nullable(),
  /** rc.conf's variable was set; what it was before, null if it was not. */
  enabled: z.object({ before: z.string().nullable() }).nullable(),
});

/** What setup made on a host, so that it can be taken back. It holds digests of secrets: only root reads it. */
export type SetupRecord = z.infer<typeof recordSchema>;
export type RecordedFile = z.infer<typeof fileSchema>;

const recordMode = 0o600;
/** The link's user passes through the state directory to its boxes, and cannot list it. */
const stateMode = 0o711;
const treeName = ".proxysql-carp-setup";

/** The record below a root; undefined if there is none, `state-damaged` if it is not to be read. */
export async function readRecord(root: string): Promise<SetupRecord | undefined> {
  const path = below(root, places.record);
  const text = await readTextIfThere(path);
  if (text === undefined) return undefined;
  try {
    return recordSchema.parse(JSON.parse(text));
  } catch (error) {
    throw new KnownError(
      "state-damaged",
      `${path} is not the record that setup writes.`,
      { file: path },
      error,
    );
  }
}

/**
 * Writes the record. If its directory is not there yet, it and its parents appear with the record in them, all at
 * once: there is no moment in which directories are ours that no record tells of.
 */
export async function writeRecord(root: string, record: SetupRecord): Promise<void> {
  const path = below(root, places.record);
  const text = `${JSON.stringify(record, null, 2)}\n`;
  const absent = await absentDirectories(dirname(path));
  const top = absent[0];
  if (top === undefined) return putFile(path, text, { mode: recordMode, owner: null });
  const tree = join(dirname(top), treeName);
  await rm(tree, { recursive: true, force: true });
  await mkdir(tree);
  const made = absent.map((one) => join(tree, relative(top, one)));
  for (const one of made.slice(1)) await mkdir(one);
  for (const one of made) await putDirectory(one, modeOf(join(top, relative(tree, one)), root));
  await putFile(join(tree, relative(top, path)), text, { mode: recordMode, owner: null });
  await rename(tree, top);
  await fsyncDirectory(dirname(top));
}

/** The mode of a directory that setup makes. */
export function modeOf(directory: string, root: string): number {
  return directory === below(root, places.stateDir) ? stateMode : 0o755;
}

/**
 * Takes the record away, with those of its directories that setup made and that hold nothing else: they go all at once.
 * Returns the directories that stay because something is in them.
 */
export async function removeRecord(root: string, record: SetupRecord): Promise<string[]> {
  const path = below(root, places.record);
  const ours = new Set(record.directories.map((directory) => below(root, directory)));
  let top: string | undefined;
  for (let child = path; ours.has(dirname(child)); child = dirname(child)) {
    if ((await readdir(dirname(child))).length > 1) break;
    top = dirname(child);
  }
  const stays = record.directories.filter(
    (directory) => path.startsWith(`${below(root, directory)}/`) && !isWithin(below(root, directory), top),
  );
  if (top === undefined) {
    await rm(path, { force: true });
    await fsyncDirectory(dirname(path));
    return stays;
  }
  const tree = join(dirname(top), treeName);
  await rm(tree, { recursive: true, force: true });
  await rename(top, tree);
  await rm(tree, { recursive: true, force: true });
  await fsyncDirectory(dirname(tree));
  return stays;
}

function isWithin(path: string, top: string | undefined): boolean {
  return top !== undefined && (path === top || path.startsWith(`${top}/`));
}

/** What a kill in the middle of the above may have left: a tree beside a directory that leads to the record. */
export function leftTrees(root: string): string[] {
  const path = below(root, places.stateDir);
  const found: string[] = [];
  for (let at = path; at !== dirname(at); at = dirname(at)) {
    found.push(join(dirname(at), treeName));
    if (at === root) break;
  }
  return found;
}
