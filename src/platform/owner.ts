import { readFile } from "node:fs/promises";
import { KnownError } from "./errors.js";
import type { Owner } from "./files.js";

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
