import { open, readdir } from "node:fs/promises";
import { join } from "node:path";
import { monotonic } from "../platform/clock.js";
import { systemCode } from "../platform/errors.js";
import { ensureDirectory, ownerOf, remove } from "../platform/files.js";
import { giveDirectory, isRoot } from "../platform/plain-file.js";
import type { Manifest } from "../snapshot/manifest.js";
import { parseManifest } from "../snapshot/manifest-file.js";
import { unpackDirectory } from "../snapshot/pack.js";
import { createTemporary, sweepTemporaries } from "../snapshot/temporary.js";
import { verifyUnpacked } from "../snapshot/verify.js";
import type { Reply } from "./answers.js";
import { fileListOf, readPiece, type TransferFile } from "./files-of.js";
import { probeLimits } from "./probe-limits.js";
import { chunkSize, type Frame, type Header, isCount, parseObject } from "./protocol.js";
import { Refused } from "./refused.js";
import { closeParts, openParts, type Parts, requireComplete, requireSpace, writePiece } from "./upload.js";

/** Where probes lie while they are being tried: the link's user owns it, and nothing else is ever in it. */
export function probeDirectory(stateDir: string): string {
  return join(stateDir, "probe");
}

/** Makes that directory and gives it to the link's user, who owns the inbox; where we are not root, we are that user. */
export async function prepareProbes(stateDir: string): Promise<void> {
  const dir = probeDirectory(stateDir);
  await ensureDirectory(dir, 0o700);
  if (isRoot()) await giveDirectory(dir, await ownerOf(join(stateDir, "inbox")), 0o700);
}

/** Removes what serving processes that died have left of their probes. */
export async function sweepProbes(stateDir: string): Promise<void> {
  await sweepTemporaries(probeDirectory(stateDir));
}

export interface ProberOptions {
  readonly stateDir: string;
  /** Bytes that must stay free on the disk while the probe lies there. */
  readonly reserveBytes: number;
}

/**
 * The receiving end of a probe: a snapshot that comes in, is verified, read back and removed, and that no other part of
 * this program ever sees. One at a time on a host, and of a bounded size.
 */
export interface Prober {
  answer(frame: Frame): Promise<Reply>;
  /** Forgets the probe and removes what there is of it. */
  abandon(): Promise<void>;
}

interface Probe {
  readonly dir: string;
  readonly manifest: Manifest;
  readonly files: readonly TransferFile[];
  readonly parts: Parts;
}

export function createProber({ stateDir, reserveBytes }: ProberOptions): Prober {
  let present: Probe | undefined;

  async function answer({ header, body }: Frame): Promise<Reply> {
    switch (header.op) {
      case "probe-offer":
        await offer(header.files, body);
        return {};
      case "probe-chunk":
        await writePiece(present?.parts, header.name, header.offset, body);
        return {};
      case "probe-verify":
        return { fields: { ms: await verify() } };
      case "probe-read":
        return { body: await read(header) };
      default:
        await abandon();
        return {};
    }
  }

  async function offer(list: unknown, bytes: Uint8Array): Promise<void> {
    await abandon();
    const parsed = parseManifest(parseObject(bytes));
    if ("refusal" in parsed) throw new Refused(parsed.refusal.cause, parsed.refusal.sentence);
    const { manifest } = parsed;
    const files = fileListOf(list, manifest);
    if (files === undefined)
      throw new Refused("incomplete", "The files offered for a probe are not those of its manifest.");
    requireSmall(manifest, files);
    const dir = await lendDirectory(stateDir);
    try {
      await requireSpace(dir, manifest, files, reserveBytes);
      present = { dir, manifest, files, parts: await openParts(dir, files) };
    } catch (error) {
      await remove(dir);
      throw error;
    }
  }

  /** All that makes a snapshot a verified one, but for what judges its content and not the way that it came. */
  async function verify(): Promise<number> {
    const { dir, manifest, parts } = requirePresent();
    const began = monotonic();
    requireComplete(parts, manifest.id);
    for (const { handle } of parts.values()) await handle.sync();
    const unpacked = join(dir, "unpacked");
    await ensureDirectory(unpacked, 0o700);
    await unpackDirectory(dir, unpacked, manifest);
    const verified = await verifyUnpacked(unpacked, manifest, { accept: true });
    if (!verified.ok) throw new Refused(verified.refusal.cause, verified.refusal.sentence);
    return monotonic() - began;
  }

  async function read({ name, offset, length }: Header): Promise<Buffer> {
    const { dir, files } = requirePresent();
    const file = files.find((one) => one.name === name);
    if (file === undefined || !isCount(offset) || !isCount(length) || length > chunkSize)
      throw new Refused("not-asked-so", `There is nothing to read of ${JSON.stringify(name)}.`);
    const handle = await open(join(dir, file.name), "r");
    try {
      return await readPiece(handle, offset, length);
    } finally {
      await handle.close();
    }
  }

  function requirePresent(): Probe {
    if (present === undefined) throw new Refused("not-asked-so", "There is no probe here.");
    return present;
  }

  async function abandon(): Promise<void> {
    const ended = present;
    present = undefined;
    if (ended === undefined) return;
    await closeParts(ended.parts).catch(() => {
      // A full disk may be told at the end only; the files go all the same.
    });
    await remove(ended.dir);
  }

  return { answer, abandon };
}

function requireSmall(manifest: Manifest, files: readonly TransferFile[]): void {
  const packed = files.reduce((sum, { size }) => sum + size, 0);
  if (packed <= probeLimits.packed && manifest.database.size <= probeLimits.unpacked) return;
  throw new Refused("failed", `A probe of ${packed} bytes is too large: at most ${probeLimits.packed}.`);
}

/** A directory for one probe; refused while another process of this host has one. */
async function lendDirectory(stateDir: string): Promise<string> {
  const parent = probeDirectory(stateDir);
  await ensureDirectory(parent, 0o700).catch((error: unknown) => {
    if (!["EACCES", "EPERM"].includes(systemCode(error) ?? "")) throw error;
    const who = `user id ${process.geteuid?.() ?? "?"}`;
    throw new Refused("failed", `There is no directory ${parent}, and ${who} may not make it.`);
  });
  await sweepTemporaries(parent);
  const dir = await createTemporary(parent, "incoming");
  const others = (await readdir(parent)).filter((name) => name.startsWith(".incoming-"));
  if (others.length === 1) return dir;
  await remove(dir);
  throw new Refused("busy", "Another probe is being tried here at this moment.");
}
