import { lstat, open, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { KnownError } from "../platform/errors.js";
import { openSingle } from "../platform/plain-file.js";
import type { Manifest } from "../snapshot/manifest.js";
import { manifestName, parseManifest } from "../snapshot/manifest-file.js";
import { fileListOf, readPiece, type TransferFile, transferNames } from "./files-of.js";
import { chunkSize, chunksInFlight, isObject, parseObject } from "./protocol.js";
import type { Session } from "./session.js";

/** What became of a snapshot that was offered: `stored` now, or `already` there, equal and readable. */
export type PutResult = "stored" | "already";

/** Deadlines of a transfer's single answers, in milliseconds. */
export interface TransferTimings {
  /** One chunk, or a question about names. */
  readonly answerMs: number;
  /** The other side's verdict: unpacking, digests, integrity_check, fsync. */
  readonly verdictMs: number;
}

/** What goes with an offer. */
export interface PutOptions {
  /** An operator has looked at a suspiciously empty snapshot and says it is meant so. */
  readonly accept?: boolean;
}

/**
 * Offers the snapshot in `dir` and sends its files only if they are wanted. Returns after the other side has
 * verified, fsynced and renamed it. Errors: `peer-refused` with the cause in `fields.cause`, `deadline`, or why the
 * session ended.
 */
export async function putOver(
  session: Session,
  dir: string,
  manifest: Manifest,
  timings: TransferTimings,
  options: PutOptions = {},
): Promise<PutResult> {
  const files: TransferFile[] = [];
  for (const name of transferNames(manifest)) files.push({ name, size: (await lstat(join(dir, name))).size });
  const offer = await session.ask("offer", {
    fields: { files, accept: options.accept === true },
    body: Buffer.from(JSON.stringify(manifest)),
    ms: timings.verdictMs,
  });
  if (offer.header.wanted !== true) return "already";
  const send = createWindow(chunksInFlight);
  for (const { name, size } of files) await sendFile(session, dir, { name, size }, send, timings.answerMs);
  await send.drain();
  await session.ask("commit", { ms: timings.verdictMs });
  return "stored";
}

/** Sends a file in pieces. `op` is the question that each piece goes with. */
export async function sendFile(
  session: Session,
  dir: string,
  file: TransferFile,
  send: Window,
  ms: number,
  op = "chunk",
): Promise<void> {
  // The outbox belongs to another user, and what is sent is read as root.
  const handle = await openSingle(join(dir, file.name));
  try {
    for (let offset = 0; offset < file.size; offset += chunkSize) {
      const body = await readPiece(handle, offset, Math.min(chunkSize, file.size - offset));
      await send.add(() => session.ask(op, { fields: { name: file.name, offset }, body, ms }));
    }
  } finally {
    await handle.close();
  }
}

/**
 * Fetches a snapshot's files and manifest into the existing directory `toDir`. Nothing is verified or fsynced here:
 * that belongs to who admits it. Errors: `snapshot-missing`, `peer-protocol`, `deadline`, why the session ended.
 */
export async function getOver(
  session: Session,
  id: string,
  toDir: string,
  timings: TransferTimings,
): Promise<Manifest> {
  const { manifest, files } = await askForFiles(session, id, timings.answerMs);
  const receive = createWindow(chunksInFlight);
  for (const file of files) await fetchFile(session, id, toDir, file, receive, timings.answerMs);
  await writeFile(join(toDir, manifestName), `${JSON.stringify(manifest, null, 2)}\n`, { mode: 0o600 });
  return manifest;
}

async function askForFiles(
  session: Session,
  id: string,
  ms: number,
): Promise<{ manifest: Manifest; files: TransferFile[] }> {
  const frame = await session.ask("fetch", { fields: { snapshot: id }, ms }).catch(asMissing(id));
  const manifest = readPeersManifest(parseObject(frame.body), session.peer.node);
  const files = fileListOf(frame.header.files, manifest);
  if (manifest.id !== id || files === undefined) {
    throw new KnownError(
      "peer-protocol",
      `Peer "${session.peer.node}" answered for ${id} with another snapshot or other files.`,
      { id },
    );
  }
  return { manifest, files };
}

async function fetchFile(
  session: Session,
  id: string,
  toDir: string,
  file: TransferFile,
  window: Window,
  ms: number,
): Promise<void> {
  const handle = await open(join(toDir, file.name), "wx", 0o600);
  try {
    for (let offset = 0; offset < file.size; offset += chunkSize) {
      const length = Math.min(chunkSize, file.size - offset);
      await window.add(async () => {
        const { body } = await session
          .ask("read", { fields: { snapshot: id, name: file.name, offset, length }, ms })
          .catch(asMissing(id));
        if (body.length !== length) {
          throw new KnownError(
            "peer-protocol",
            `Peer "${session.peer.node}" sent ${body.length} bytes of ${file.name} where ${length} were asked for.`,
            { id },
          );
        }
        await handle.write(body, 0, length, offset);
      });
    }
    await window.drain();
  } finally {
    // Also after an error none of the other writes may meet a closed handle.
    await window.settle();
    await handle.close();
  }
}

function asMissing(id: string): (error: unknown) => never {
  return (error) => {
    if (error instanceof KnownError && error.fields.cause === "missing") {
      throw new KnownError("snapshot-missing", error.message, { id }, error);
    }
    throw error;
  };
}

/** A manifest as a peer sent it, checked; `peer-protocol` if it is none. */
export function readPeersManifest(value: unknown, peer: string): Manifest {
  const result = parseManifest(isObject(value) ? value : undefined);
  if ("manifest" in result) return result.manifest;
  throw new KnownError(
    "peer-protocol",
    `Peer "${peer}" sent a manifest we cannot read. ${result.refusal.sentence}`,
    { peer },
  );
}

/** Lets a few questions be on their way at once. The first error stops what comes after. */
export interface Window {
  add(work: () => Promise<unknown>): Promise<void>;
  drain(): Promise<void>;
  settle(): Promise<void>;
}

export function createWindow(limit: number): Window {
  const running = new Set<Promise<unknown>>();
  let failure: { error: unknown } | undefined;

  async function downTo(count: number): Promise<void> {
    while (failure === undefined && running.size > count) await Promise.race(running);
    if (failure !== undefined) throw failure.error;
  }

  async function add(work: () => Promise<unknown>): Promise<void> {
    await downTo(limit - 1);
    const one: Promise<unknown> = work()
      .catch((error: unknown) => {
        failure ??= { error };
      })
      .finally(() => running.delete(one));
    running.add(one);
  }

  return { add, drain: () => downTo(0), settle: async () => void (await Promise.all(running)) };
}
