import { createReadStream } from "node:fs";
import { open } from "node:fs/promises";
import { type Owner, removeFile, temporaryBeside } from "../platform/files.js";
import { openPlain } from "../platform/plain-file.js";
import { sha256OfFile, sha256OfOpen } from "./hashing.js";

/**
 * Writes a copy of `from` beside `path` under a temporary name, durable, 0600 and with its owner, ready to be renamed.
 * The directory belongs to ProxySQL's user, so the name must be new, and the owner is set on the open file: nothing
 * that was put there is followed or written through.
 */
export async function placeBeside(from: string, path: string, owner: Owner): Promise<string> {
  const temporary = temporaryBeside(path);
  await removeFile(temporary);
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

/** True if `theirs`, which another user may have put there, is a plain file with the bytes of `ours`. */
export async function sameFile(ours: string, theirs: string): Promise<boolean> {
  const handle = await openPlain(theirs).catch(() => undefined);
  if (handle === undefined) return false;
  return (await sha256OfOpen(handle)) === (await sha256OfFile(ours));
}
