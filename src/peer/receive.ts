import { remove } from "../platform/files.js";
import { formatLineage, relate } from "../role/lineage.js";
import { readDefinitions } from "../snapshot/definitions.js";
import type { Manifest } from "../snapshot/manifest.js";
import { parseManifest, writeManifest } from "../snapshot/manifest-file.js";
import { checkPacked, unpackDirectory } from "../snapshot/pack.js";
import { type Refusal, refusalOf } from "../snapshot/refusal.js";
import type { Store, StoredSnapshot } from "../snapshot/store.js";
import { verifyUnpacked } from "../snapshot/verify.js";
import { fileListOf } from "./files-of.js";
import { parseObject } from "./protocol.js";
import { Refused } from "./refused.js";
import { closeParts, openParts, type Parts, requireComplete, requireSpace, writePiece } from "./upload.js";

export interface ReceiverOptions {
  readonly store: Store;
  readonly stateDir: string;
  /** Bytes that must stay free on the disk after the snapshot is in. */
  readonly reserveBytes: number;
}

/** The receiving end of a put. One upload at a time; whatever is refused is thrown as `Refused`. */
export interface Receiver {
  /** True if the files are wanted, false if the snapshot is here already, equal and readable. */
  offer(files: unknown, accept: boolean, manifest: Uint8Array): Promise<boolean>;
  chunk(name: unknown, offset: unknown, bytes: Uint8Array): Promise<void>;
  /** Verifies and admits what was sent; returns its id only when it is durable under its name. */
  commit(): Promise<string>;
  /** Forgets an upload that is not finished, and removes what was written of it. */
  abandon(): Promise<void>;
}

interface Upload {
  readonly manifest: Manifest;
  readonly accept: boolean;
  readonly dir: string;
  readonly files: Parts;
}

export function createReceiver({ store, stateDir, reserveBytes }: ReceiverOptions): Receiver {
  let upload: Upload | undefined;

  async function offer(files: unknown, accept: boolean, bytes: Uint8Array): Promise<boolean> {
    await abandon();
    const parsed = parseManifest(parseObject(bytes));
    if ("refusal" in parsed) throw refused(parsed.refusal);
    const { manifest } = parsed;
    const list = fileListOf(files, manifest);
    if (list === undefined)
      throw new Refused("incomplete", `The files offered for ${manifest.id} are not those of its manifest.`);
    if (await isHeld(store, manifest)) return false;
    await refuseByLineage(store, manifest);
    const dir = await store.prepare("inbox");
    try {
      await requireSpace(dir, manifest, list, reserveBytes);
      upload = { manifest, accept, dir, files: await openParts(dir, list) };
    } catch (error) {
      await remove(dir);
      throw error;
    }
    return true;
  }

  async function chunk(name: unknown, offset: unknown, bytes: Uint8Array): Promise<void> {
    try {
      await writePiece(upload?.files, name, offset, bytes);
    } catch (error) {
      // A piece that nobody waits for leaves the upload as it was; one that could not be written has spoilt it.
      if (!(error instanceof Refused)) await abandon();
      throw error;
    }
  }

  async function commit(): Promise<string> {
    const present = upload;
    if (present === undefined) throw new Refused("not-asked-so", "There is no upload to finish.");
    try {
      await closeParts(present.files);
      requireComplete(present.files, present.manifest.id);
      await verify(present);
      // Another upload may have come in meanwhile.
      await refuseByLineage(store, present.manifest);
      return (await store.admit(present.dir, present.manifest, "inbox")).id;
    } catch (error) {
      if (!(await concurrentlyAdmitted(present))) throw await quarantined(present, error);
      return present.manifest.id;
    } finally {
      await abandon();
    }
  }

  async function verify({ dir, manifest, accept }: Upload): Promise<void> {
    const scratch = await store.prepare("inbox");
    try {
      await unpackDirectory(dir, scratch, manifest);
      const definitions = (await readDefinitions(stateDir))?.tables;
      const before = (await store.latest())?.manifest;
      const verified = await verifyUnpacked(scratch, manifest, { definitions, before, accept });
      if (!verified.ok) throw refused(verified.refusal);
    } finally {
      await remove(scratch);
    }
  }

  /** Two senders of one snapshot: the second finds it there, and that is as good. */
  async function concurrentlyAdmitted({ manifest }: Upload): Promise<boolean> {
    return isHeld(store, manifest).catch(() => false);
  }

  /** A snapshot's own fault is kept for an operator to look at; our trouble (a full disk) leaves nothing. */
  async function quarantined({ dir, manifest }: Upload, error: unknown): Promise<unknown> {
    const refusal = refusalIn(error);
    if (refusal === undefined || refusal.cause === "incomplete") return error;
    await writeManifest(dir, manifest);
    await store.quarantine(dir, refusal, manifest.id);
    return error;
  }

  async function abandon(): Promise<void> {
    const present = upload;
    upload = undefined;
    if (present === undefined) return;
    await closeParts(present.files);
    await remove(present.dir);
  }

  return { offer, chunk, commit, abandon };
}

class SnapshotRefused extends Refused {
  readonly refusal: Refusal;

  constructor(refusal: Refusal) {
    super(refusal.cause, refusal.sentence);
    this.refusal = refusal;
  }
}

function refused(refusal: Refusal): SnapshotRefused {
  return new SnapshotRefused(refusal);
}

function refusalIn(error: unknown): Refusal | undefined {
  return error instanceof SnapshotRefused ? error.refusal : refusalOf(error);
}

/** Older than what came last, or a rival of it: not taken. What the node itself took is the agent's to compare. */
async function refuseByLineage(store: Store, manifest: Manifest): Promise<void> {
  const newest = await store.latest("inbox");
  if (newest === undefined) return;
  const has = formatLineage(newest.manifest.lineage);
  const offered = formatLineage(manifest.lineage);
  const relation = relate(manifest, newest.manifest.lineage);
  if (relation === "older")
    throw refused({ cause: "older", sentence: `${offered} is older than ${has}, which is here already.` });
  if (relation === "diverged") {
    throw refused({
      cause: "diverged",
      sentence: `${offered} and ${has}, which is here, are of one epoch but of two nodes.`,
    });
  }
}

/**
 * True if the snapshot is here, equal and still readable. One that the disk has damaged since is put into
 * quarantine and wanted again; another content under the same id is refused.
 */
async function isHeld(store: Store, manifest: Manifest): Promise<boolean> {
  const stored = (await store.list()).find(({ id }) => id === manifest.id);
  if (stored === undefined) return false;
  const own = await store.manifest(manifest.id).catch(() => undefined);
  if (
    own !== undefined &&
    (own.content !== manifest.content || own.database.sha256 !== manifest.database.sha256)
  ) {
    const sentence = `${manifest.id} is here already with another content: two nodes or clocks share a lineage.`;
    throw refused({ cause: "diverged", sentence });
  }
  if (own !== undefined && (await isReadable(stored, own))) return true;
  await store.quarantine(
    stored.dir,
    { cause: "digest-differs", sentence: "It was damaged after it had been admitted." },
    stored.id,
  );
  return false;
}

async function isReadable({ dir }: StoredSnapshot, manifest: Manifest): Promise<boolean> {
  try {
    await checkPacked(dir, manifest);
    return true;
  } catch (error) {
    if (refusalOf(error) === undefined) throw error;
    return false;
  }
}
