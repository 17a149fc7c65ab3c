import { createHash } from "node:crypto";
import { constants } from "node:fs";
import { lstat, open, realpath } from "node:fs/promises";
import { dirname } from "node:path";
import { KnownError, systemCode } from "../platform/errors.js";
import { cautious } from "../platform/plain-file.js";
import { below } from "./places.js";

/** What is under a name now. */
export type Present =
  | { readonly kind: "absent" }
  /** A link, a directory, a device: nothing that setup would replace. */
  | { readonly kind: "other" }
  | {
      readonly kind: "file";
      readonly sha256: string;
      readonly size: number;
      readonly mode: number;
      readonly uid: number;
      readonly gid: number;
    };

export function sha256Of(content: string | Uint8Array): string {
  return createHash("sha256").update(content).digest("hex");
}

/**
 * Looks at one path of the host. `not-done` if a link among its parents leads out of the scratch root: what is written
 * there would land on this host.
 */
export async function lookAt(root: string, path: string): Promise<Present> {
  const real = below(root, path);
  await stayInside(root, dirname(real));
  const facts = await lstat(real).catch((error: unknown) => {
    if (["ENOENT", "ENOTDIR"].includes(systemCode(error) ?? "")) return undefined;
    throw error;
  });
  if (facts === undefined) return { kind: "absent" };
  if (!facts.isFile()) return { kind: "other" };
  const handle = await open(real, constants.O_RDONLY | cautious);
  try {
    const { size, mode, uid, gid } = await handle.stat();
    const sha256 = sha256Of(await handle.readFile());
    return { kind: "file", sha256, size, mode: mode & 0o7777, uid, gid };
  } finally {
    await handle.close();
  }
}

async function stayInside(root: string, directory: string): Promise<void> {
  if (root === "") return;
  const base = await realOrUndefined(root);
  const real = await realOrUndefined(directory);
  if (base === undefined || real === undefined) {
    // Not there yet: then its parent says where it will be.
    if (directory !== root && directory !== dirname(directory)) await stayInside(root, dirname(directory));
    return;
  }
  if (real !== base && !real.startsWith(`${base}/`)) {
    throw new KnownError("not-done", `${directory} is a link that leads out of ${root}, to ${real}.`);
  }
}

async function realOrUndefined(path: string): Promise<string | undefined> {
  try {
    return await realpath(path);
  } catch (error) {
    if (["ENOENT", "ENOTDIR"].includes(systemCode(error) ?? "")) return undefined;
    throw error;
  }
}
