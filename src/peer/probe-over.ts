import { lstat } from "node:fs/promises";
import { join } from "node:path";
import { monotonic } from "../platform/clock.js";
import { KnownError } from "../platform/errors.js";
import { openSingle } from "../platform/plain-file.js";
import type { Manifest } from "../snapshot/manifest.js";
import { readPiece, type TransferFile, transferNames } from "./files-of.js";
import { chunkSize, chunksInFlight } from "./protocol.js";
import type { Session } from "./session.js";
import { createWindow, sendFile, type TransferTimings } from "./transfer.js";

/** How a probe went. Times in milliseconds. */
export interface ProbeTimes {
  /** Of all files together, as they are sent. */
  readonly bytes: number;
  readonly thereMs: number;
  /** As the other side measured it. */
  readonly verifyMs: number;
  readonly backMs: number;
}

/**
 * Sends the snapshot in `dir` to the other side's scratch area, has it verified there, reads it back, compares it byte
 * by byte, and has it removed. Errors: `peer-refused` with the cause in `fields.cause` (`not-asked-so`: a version that
 * knows no probes), `not-done` if something else came back, `deadline`, or why the session ended.
 */
export async function probeOver(
  session: Session,
  dir: string,
  manifest: Manifest,
  timings: TransferTimings,
): Promise<ProbeTimes> {
  const files: TransferFile[] = [];
  for (const name of transferNames(manifest)) files.push({ name, size: (await lstat(join(dir, name))).size });
  const began = monotonic();
  await session.ask("probe-offer", {
    fields: { files },
    body: Buffer.from(JSON.stringify(manifest)),
    ms: timings.answerMs,
  });
  let times: ProbeTimes;
  try {
    times = await tryWay(session, dir, files, began, timings);
  } catch (error) {
    // What failed is told; a peer that cannot even remove it does so when the session ends.
    await session.ask("probe-end", { ms: timings.answerMs }).catch(() => {});
    throw error;
  }
  await session.ask("probe-end", { ms: timings.answerMs });
  return times;
}

async function tryWay(
  session: Session,
  dir: string,
  files: readonly TransferFile[],
  began: number,
  { answerMs, verdictMs }: TransferTimings,
): Promise<ProbeTimes> {
  const send = createWindow(chunksInFlight);
  for (const file of files) await sendFile(session, dir, file, send, answerMs, "probe-chunk");
  await send.drain();
  const there = monotonic();
  const { header } = await session.ask("probe-verify", { ms: verdictMs });
  const verified = monotonic();
  for (const file of files) await compareFile(session, dir, file, answerMs);
  return {
    bytes: files.reduce((sum, { size }) => sum + size, 0),
    thereMs: there - began,
    verifyMs: typeof header.ms === "number" ? header.ms : verified - there,
    backMs: monotonic() - verified,
  };
}

async function compareFile(
  session: Session,
  dir: string,
  { name, size }: TransferFile,
  ms: number,
): Promise<void> {
  const handle = await openSingle(join(dir, name));
  const window = createWindow(chunksInFlight);
  try {
    for (let offset = 0; offset < size; offset += chunkSize) {
      const length = Math.min(chunkSize, size - offset);
      await window.add(async () => {
        const { body } = await session.ask("probe-read", { fields: { name, offset, length }, ms });
        if (body.equals(await readPiece(handle, offset, length))) return;
        throw new KnownError(
          "not-done",
          `${name} came back from peer "${session.peer.node}" other than it was sent, in the ${length} bytes from ${offset} on.`,
        );
      });
    }
    await window.drain();
  } finally {
    // Also after an error none of the other reads may meet a closed handle.
    await window.settle();
    await handle.close();
  }
}
