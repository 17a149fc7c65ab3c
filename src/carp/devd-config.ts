import { constants } from "node:fs";
import { open, readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import { sentenceOf, systemCode } from "../platform/errors.js";
import { NotPlainFile } from "../platform/plain-file.js";
import { type DevdEvent, ruleMatches } from "./devd-match.js";
import { DevdSyntaxError, type NotifyRule, parseDevdFile } from "./devd-rules.js";

/** All that devd reads at its start, in its order. */
export interface DevdConfig {
  readonly rules: readonly NotifyRule[];
  readonly variables: ReadonlyMap<string, string>;
  /** Why devd would not start with it. */
  readonly broken: string | null;
}

/** Which rule gets an event of ours. */
export interface EventVerdict {
  /** The rule that calls our hook and would run if nothing were before it. */
  readonly ours: NotifyRule | null;
  /** A rule that is taken instead of ours. */
  readonly by: NotifyRule | null;
  /** Ours and `by` have one priority, in two files of a directory that devd reads unsorted. */
  readonly tie: boolean;
}

/** Without `directory` in /etc/devd.conf: what the file has as delivered. */
const usualDirectories = ["/etc/devd", "/usr/local/etc/devd"];
/** Both the hook and the program itself may be called. */
const ourAction = /proxysql-carp(-notify\b|\s.*\bnotify\b)/;

/**
 * Reads devd's configuration below `root` ("" for this host's). null on a host that has none: there is no devd. A file
 * that cannot be read or understood keeps devd from starting, which is part of the answer.
 */
export async function readDevdConfig(root: string): Promise<DevdConfig | null> {
  const rules: NotifyRule[] = [];
  const variables = new Map<string, string>();
  const directories: string[] = [];
  let isThere = false;
  try {
    const first = await readIfThere(join(root, "/etc/devd.conf"));
    if (first !== undefined) {
      isThere = true;
      const parsed = parseDevdFile(first, "/etc/devd.conf");
      rules.push(...parsed.rules);
      directories.push(...parsed.directories);
      for (const [name, value] of parsed.variables) variables.set(name, value);
    }
    for (const directory of directories.length === 0 ? usualDirectories : directories) {
      const names = await listIfThere(join(root, directory));
      if (names === undefined) continue;
      isThere = true;
      for (const name of names.filter((one) => one.endsWith(".conf")).sort()) {
        const file = join(directory, name);
        const parsed = parseDevdFile(await readText(join(root, file)), file);
        rules.push(...parsed.rules);
        for (const [key, value] of parsed.variables) variables.set(key, value);
      }
    }
  } catch (error) {
    const broken = error instanceof DevdSyntaxError ? error.message : sentenceOf(error);
    return { rules: [], variables, broken };
  }
  return isThere ? { rules, variables, broken: null } : null;
}

/** A text that changes when one of devd's files may have: names, times and sizes. */
export async function devdMark(root: string): Promise<string> {
  const config = join(root, "/etc/devd.conf");
  const text = await readIfThere(config).catch(() => undefined);
  const extra =
    text === undefined ? [] : [...text.matchAll(/\bdirectory\s+"([^"]+)"/g)].map((match) => match[1] ?? "");
  const marks = [String(text?.length ?? "-"), await markOf(config)];
  for (const directory of new Set([...usualDirectories, ...extra])) {
    const path = join(root, directory);
    for (const name of (await listIfThere(path).catch(() => undefined)) ?? ["-"])
      marks.push(`${name}:${await markOf(join(path, name))}`);
  }
  return marks.join(" ");
}

/**
 * What devd would do with an event (devd.cc, config::find_and_execute): the rules in the order of their priority, equal
 * ones as they were read, and only the first that matches.
 */
export function verdictOf({ rules, variables }: DevdConfig, event: DevdEvent): EventVerdict {
  const matching = rules.filter((rule) => ruleMatches(rule, event, variables));
  const inOrder = [...matching].sort((a, b) => b.priority - a.priority);
  const ours = inOrder.find(isOurs) ?? null;
  if (ours === null) return { ours, by: null, tie: false };
  const before = inOrder.slice(0, inOrder.indexOf(ours));
  const higher = before.find(({ priority }) => priority > ours.priority);
  if (higher !== undefined) return { ours, by: higher, tie: false };
  const equals = inOrder.filter((rule) => rule.priority === ours.priority && !isOurs(rule));
  const doubtful = equals.find((rule) => rule.file !== ours.file && directoryOf(rule) === directoryOf(ours));
  if (doubtful !== undefined) return { ours, by: doubtful, tie: true };
  return { ours, by: before[0] ?? null, tie: false };
}

function isOurs(rule: NotifyRule): boolean {
  return hookActionOf(rule) !== undefined;
}

/** The command line of a rule that calls us; undefined if none does. */
export function hookActionOf({ actions }: NotifyRule): string | undefined {
  return actions.find((action) => ourAction.test(action));
}

function directoryOf({ file }: NotifyRule): string {
  return file.slice(0, file.lastIndexOf("/"));
}

async function readIfThere(path: string): Promise<string | undefined> {
  try {
    return await readText(path);
  } catch (error) {
    if (isAbsent(error)) return undefined;
    throw error;
  }
}

/** A FIFO or a device under such a name must not keep us waiting for its other side; a link to a file is followed. */
async function readText(path: string): Promise<string> {
  const handle = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
  try {
    if (!(await handle.stat()).isFile()) throw new NotPlainFile(path);
    return await handle.readFile("utf8");
  } finally {
    await handle.close();
  }
}

async function listIfThere(path: string): Promise<string[] | undefined> {
  try {
    return await readdir(path);
  } catch (error) {
    if (isAbsent(error)) return undefined;
    throw error;
  }
}

async function markOf(path: string): Promise<string> {
  try {
    const { ino, mtimeMs, size } = await stat(path);
    return `${ino}:${mtimeMs}:${size}`;
  } catch {
    return "-";
  }
}

function isAbsent(error: unknown): boolean {
  return ["ENOENT", "ENOTDIR"].includes(systemCode(error) ?? "");
}
