import { closeSync, fsyncSync, openSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import { systemCode } from "../platform/errors.js";
import { removeFile, temporaryBeside } from "../platform/files.js";
import { NotPlainFile, openPlain } from "../platform/plain-file.js";
import { emptyLatch, type Latch, readLatch } from "./latch.js";

const recordSchema = z.object({
  latch: z.unknown(),
  /** Since when nobody in quorum has answered; ms since 1970, or null. */
  silentSince: z.number().nullable(),
});

/** What `fence run-once` knows from one run to the next. */
export interface StandaloneRecord {
  readonly latch: Latch;
  readonly silentSince: number | null;
}

const nothing: StandaloneRecord = { latch: emptyLatch, silentSince: null };
/** A latch of thousands of rows has some hundred kilobytes. */
const sizeLimit = 16 * 1024 * 1024;

/** Where `fence run-once` keeps what it fenced while there is no agent. It belongs to ProxySQL's user. */
export function standaloneDirectory(stateDir: string): string {
  return join(stateDir, "fence");
}

function fileIn(stateDir: string): string {
  return join(standaloneDirectory(stateDir), "latch.json");
}

/** What run-once fenced. Another user may have written it: only what is whole and of our form counts. */
export async function readStandalone(stateDir: string): Promise<StandaloneRecord> {
  try {
    const handle = await openPlain(fileIn(stateDir));
    try {
      if ((await handle.stat()).size > sizeLimit) return nothing;
      const record = recordSchema.safeParse(JSON.parse(await handle.readFile("utf8"))).data;
      const latch = record && readLatch(record.latch);
      return record && latch ? { latch, silentSince: record.silentSince } : nothing;
    } finally {
      await handle.close();
    }
  } catch (error) {
    if (systemCode(error) === "ENOENT" || systemCode(error) === "ENOTDIR") return nothing;
    if (error instanceof SyntaxError || error instanceof NotPlainFile) return nothing;
    throw error;
  }
}

/** Durably, and before it returns: what is fenced is on disk before ProxySQL is touched. */
export function writeStandalone(stateDir: string, record: StandaloneRecord): void {
  const temporary = temporaryBeside(fileIn(stateDir));
  rmSync(temporary, { force: true });
  const descriptor = openSync(temporary, "wx", 0o600);
  try {
    writeFileSync(descriptor, `${JSON.stringify(record)}\n`);
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
  renameSync(temporary, fileIn(stateDir));
}

/** The agent has taken over what run-once fenced: it knows better from now on. */
export async function forgetStandalone(stateDir: string): Promise<void> {
  await removeFile(fileIn(stateDir));
}
