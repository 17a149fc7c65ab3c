import { constants } from "node:fs";
import { access } from "node:fs/promises";
import { join } from "node:path";
import { KnownError } from "../platform/errors.js";
import { runProgram } from "../platform/exec.js";
import type { Owner } from "../platform/files.js";
import { isRoot } from "../platform/plain-file.js";
import { below, linkUser, serviceName } from "./places.js";
import { readTextIfThere } from "./read.js";
import type { Wanted } from "./wanted.js";

const programDeadlineMs = 30_000;
const variable = `${serviceName}_enable`;

/** As the README has it: a valid shell, because sshd runs the forced command by it, and no password. */
const useradd = ["useradd", linkUser, "-c", "peer link", "-d", "/var/empty", "-s", "/bin/sh", "-w", "no"];

/** The command that makes the link's user, for people. */
export const useraddCommand = ["pw", ...useradd]
  .map((one) => (one.includes(" ") ? `"${one}"` : one))
  .join(" ");

/** True if the link's user is in the host's (or the scratch root's) list of users. */
export async function hasLinkUser(root: string): Promise<boolean> {
  return (await idIn(root, "/etc/passwd", linkUser)) !== undefined;
}

/** True if setup can make the link's user: on the host itself, as root, with FreeBSD's pw(8). */
export async function canMakeUser(root: string): Promise<boolean> {
  return root === "" && isRoot() && (await isInstalled("pw"));
}

export async function makeLinkUser(): Promise<void> {
  await run("pw", useradd);
}

/** The user's home is /var/empty, so nothing of it is removed. */
export async function removeLinkUser(): Promise<void> {
  await run("pw", ["userdel", linkUser]);
}

/** What rc.conf has for the service now, null if nothing. `command-failed` without sysrc(8). */
export async function readEnabled(root: string): Promise<string | null> {
  const { code, stdout } = await runProgram(
    "sysrc",
    [...fileArguments(root), "-n", variable],
    programDeadlineMs,
  );
  return code === 0 ? stdout.trim() : null;
}

/** Sets the variable, or takes it away with null. */
export async function writeEnabled(root: string, value: string | null): Promise<void> {
  await run("sysrc", [
    ...fileArguments(root),
    ...(value === null ? ["-x", variable] : [`${variable}=${value}`]),
  ]);
}

/** Whom a file is to belong to; null if only root could say and we are not. */
export async function ownerFor(root: string): Promise<(file: Wanted) => Owner | null> {
  if (!isRoot()) return () => null;
  const group = await idIn(root, "/etc/group", linkUser);
  return (file) => ({ uid: 0, gid: file.group === linkUser ? (group ?? 0) : 0 });
}

/** sysrc's own -R needs a whole system below the root to change into. */
function fileArguments(root: string): string[] {
  return root === "" ? [] : ["-f", below(root, "/etc/rc.conf")];
}

async function idIn(root: string, file: string, name: string): Promise<number | undefined> {
  const lines = ((await readTextIfThere(below(root, file))) ?? "").split("\n").map((line) => line.split(":"));
  const id = lines.find(([first]) => first === name)?.[2];
  return id !== undefined && /^\d+$/.test(id) ? Number(id) : undefined;
}

async function isInstalled(program: string): Promise<boolean> {
  for (const directory of (process.env.PATH ?? "").split(":").filter((one) => one !== "")) {
    const found = await access(join(directory, program), constants.X_OK).then(
      () => true,
      () => false,
    );
    if (found) return true;
  }
  return false;
}

async function run(program: string, args: readonly string[]): Promise<void> {
  const { code, stderr } = await runProgram(program, args, programDeadlineMs);
  if (code === 0) return;
  throw new KnownError(
    "command-failed",
    `${[program, ...args].join(" ")} ended with ${code ?? "a signal"}: ${stderr.trim()}`,
  );
}
