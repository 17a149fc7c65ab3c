import { readFile } from "node:fs/promises";
import { KnownError, systemCode } from "./errors.js";
import { type Owner, statOrUndefined } from "./files.js";

/**
 * Who owns a directory that the configuration names. `key` is that name in it, such as `[proxysql] datadir`: a directory
 * that is not there, or is no directory, is `not-done` and names it.
 */
export async function ownerOfDirectory(path: string, key: string): Promise<Owner> {
  const stat = await statOrUndefined(path).catch((error: unknown) => {
    throw new KnownError(
      "not-done",
      `${path} cannot be looked at (${systemCode(error) ?? error}): it is ${key} in the configuration.`,
      {},
      error,
    );
  });
  if (!stat?.isDirectory()) {
    throw new KnownError("not-done", `There is no directory ${path}, but it is ${key} in the configuration.`);
  }
  return { uid: Number(stat.uid), gid: Number(stat.gid) };
}

/** Numbers of `user:group`, from /etc/passwd and /etc/group or written as numbers already. */
export async function ownerNamed(text: string): Promise<Owner> {
  const [user = "", group = ""] = text.split(":");
  return { uid: await idOf(user, "/etc/passwd", text), gid: await idOf(group, "/etc/group", text) };
}

async function idOf(name: string, file: string, text: string): Promise<number> {
  if (/^\d+$/.test(name)) return Number(name);
  const lines = (await readFile(file, "utf8")).split("\n");
  const id = lines.map((line) => line.split(":")).find(([first]) => first === name)?.[2];
  if (id === undefined || !/^\d+$/.test(id)) {
    throw new KnownError("not-done", `There is no "${name}" in ${file}, but [proxysql] owner is "${text}".`);
  }
  return Number(id);
}
