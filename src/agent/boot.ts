import { randomUUID } from "node:crypto";
import { readFile } from "node:fs/promises";
import { uptime } from "node:os";
import { join } from "node:path";
import { z } from "zod";
import { systemCode } from "../platform/errors.js";
import { writeFileDurably } from "../platform/files.js";

const markSchema = z.object({ id: z.string(), uptime: z.number() });

/**
 * A text that is another one after each boot. `kern.boottime` moves whenever the clock is set, so a mark is kept in the
 * run directory instead, which rc.d/cleanvar empties at boot; where it does not, an uptime that went back tells.
 */
export async function bootIdentity(runDir: string, up = uptime()): Promise<string> {
  const file = join(runDir, "boot.json");
  const mark = await readMark(file);
  if (mark !== undefined && mark.uptime <= up) return mark.id;
  const fresh = { id: randomUUID(), uptime: up };
  await writeFileDurably(file, `${JSON.stringify(fresh)}\n`, 0o600);
  return fresh.id;
}

async function readMark(file: string): Promise<z.infer<typeof markSchema> | undefined> {
  try {
    return markSchema.safeParse(JSON.parse(await readFile(file, "utf8"))).data;
  } catch (error) {
    if (systemCode(error) === "ENOENT" || error instanceof SyntaxError) return undefined;
    throw error;
  }
}
