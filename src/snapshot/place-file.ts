import { createReadStream } from "node:fs";
import { open } from "node:fs/promises";
import { exists, type Owner, remove, temporaryBeside } from "../platform/files.js";
import { sha256OfFile } from "./hashing.js";

/**
 * Writes a copy of `from` beside `path` under a temporary name, durable, 0600 and with its owner, ready to be renamed.
 * The directory belongs to ProxySQL's user, so the name must be new, and the owner is set on the open file: nothing
 * that was put there is followed or written through.
 */
export async function placeBeside(from: string, path: string, owner: Owner): Promise<string> {
  const temporary = temporaryBeside(path);
  await remove(temporary);
  const handle = await open(temporary, "wx", 0o600);
  try {
    for await (const chunk of createReadStream(from)) await handle.appendFile(chunk as Buffer);
    if (process.getuid?.() === 0) await handle.chown(owner.uid, owner.gid);
    await handle.sync();
  } finally {
    await handle.close();
  }
  return temporary;
}

/** True if both files are there and have the same bytes. */
export async function sameFile(a: string, b: string): Promise<boolean> {
  return (await exists(b)) && (await sha256OfFile(a)) === (await sha256OfFile(b));
}
