import { readdir, readFile, unlink } from "node:fs/promises";
import { join } from "node:path";
import { systemCode } from "../platform/errors.js";
import { ensureDirectory } from "../platform/files.js";
import { type CarpEvent, carpEventSchema } from "./protocol.js";

/** Where devd's hook leaves events that it could not hand to an agent. */
export function spoolDirectory(stateDir: string): string {
  return join(stateDir, "spool");
}

/**
 * Takes the events out of the spool, oldest first. A file that is no event is taken out too and told as `undefined`:
 * the agent re-reads ifconfig anyway, so all that an event means is "look".
 */
export async function drainSpool(stateDir: string): Promise<(CarpEvent | undefined)[]> {
  const directory = spoolDirectory(stateDir);
  await ensureDirectory(directory, 0o700);
  const names = (await readdir(directory)).filter((name) => name.endsWith(".event") && !name.startsWith("."));
  const events: (CarpEvent | undefined)[] = [];
  for (const name of names.sort()) {
    const path = join(directory, name);
    events.push(parseEvent(await readFile(path, "utf8")));
    await unlink(path).catch((error: unknown) => {
      if (systemCode(error) !== "ENOENT") throw error;
    });
  }
  return events;
}

function parseEvent(text: string): CarpEvent | undefined {
  try {
    return carpEventSchema.safeParse(JSON.parse(text)).data;
  } catch {
    return undefined;
  }
}
