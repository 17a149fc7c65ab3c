import { join } from "node:path";
import { wallClock } from "../platform/clock.js";
import { remove } from "../platform/files.js";
import { copyOpen, openSingle } from "../platform/plain-file.js";
import type { EpochOpening, Lineage } from "../role/lineage.js";
import { acceptedIn } from "./emptiness.js";
import { type Manifest, snapshotId } from "./manifest.js";
import { checkPacked, packedDatabaseName } from "./pack.js";
import { sealed } from "./seal.js";
import type { Store, StoredSnapshot } from "./store.js";

export interface NewPlace {
  readonly lineage: Lineage;
  readonly ancestry: readonly EpochOpening[];
  /** What it replaces: tables that are empty against that are meant to be. */
  readonly before: Manifest;
}

/** The manifest that the content of an old snapshot gets when an operator brings it back. */
export function manifestAnew(old: Manifest, { lineage, ancestry, before }: NewPlace): Manifest {
  const { seal: _, ...rest } = old;
  return sealed({
    ...rest,
    id: snapshotId(lineage),
    lineage: { ...lineage },
    ancestry: ancestry.map((opening) => ({ ...opening })),
    takenAt: new Date(wallClock()).toISOString(),
    // It tells of the files that the old one was taken from.
    source: null,
    accepted: acceptedIn(old.tables, before, true),
    restoredFrom: old.id,
  });
}

/**
 * Admits the files of a stored, verified snapshot once more to the outbox, under a new manifest, read back as they lie
 * there. The same one again is no error.
 */
export async function admitAnew(
  store: Store,
  from: StoredSnapshot,
  manifest: Manifest,
): Promise<StoredSnapshot> {
  const dir = await store.prepare("outbox");
  try {
    for (const name of [packedDatabaseName, ...manifest.tls.map((file) => file.name)])
      await copyOpen(await openSingle(join(from.dir, name)), join(dir, name));
    await checkPacked(dir, manifest);
    return await store.admit(dir, manifest, "outbox");
  } catch (error) {
    await remove(dir);
    throw error;
  }
}
