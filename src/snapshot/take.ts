import { copyFile } from "node:fs/promises";
import { join } from "node:path";
import { wallClock } from "../platform/clock.js";
import { remove } from "../platform/files.js";
import type { EpochOpening, Lineage } from "../role/lineage.js";
import { createBox } from "./box.js";
import { contentDigest } from "./content.js";
import { copyDatabaseFile } from "./copy-database.js";
import type { Definitions } from "./definitions.js";
import { acceptedIn } from "./emptiness.js";
import { sha256OfFile } from "./hashing.js";
import type { Inspection } from "./inspection.js";
import { type Manifest, snapshotId } from "./manifest.js";
import { isTooLarge, parseManifest } from "./manifest-file.js";
import { checkPacked, databaseName, packInto } from "./pack.js";
import { type Refusal, refusalError, refuse } from "./refusal.js";
import { damagedInPlace, markSource, steadyMark } from "./source-mark.js";
import type { Store, StoredSnapshot } from "./store.js";
import { createTemporary, sweepTemporaries } from "./temporary.js";
import { collectTls, type TlsCopies } from "./tls-files.js";
import { verifyDatabase } from "./verify.js";

/** ProxySQL's admin as far as a snapshot needs it: `VACUUM disk INTO '<path>'`, which runs under the admin's mutex. */
export interface AdminVacuum {
  vacuumInto(path: string): Promise<void>;
}

export interface TakeOptions {
  /** null: ProxySQL is down, the file is copied by SQLite's online backup instead. */
  readonly via: AdminVacuum | null;
  readonly datadir: string;
  /** A directory of ours in which nobody else may write. With `via`, that is who brings ProxySQL's file there. */
  readonly staging: string;
  readonly store: Store;
  /** The lineage the snapshot gets if it is admitted. */
  readonly lineage: Lineage;
  readonly ancestry: readonly EpochOpening[];
  readonly proxysqlVersion: string | null;
  /** The last good snapshot: for the checks against it, and to see that nothing has changed. */
  readonly before?: Manifest | undefined;
  readonly definitions?: Pick<Definitions, "tables"> | undefined;
  /** Keep it even if nothing differs from `before`: the first snapshot of an epoch proves who leads. */
  readonly evenIfUnchanged?: boolean | undefined;
  /** An operator says that an emptiness is meant. */
  readonly accept?: boolean | undefined;
  /** Takes out of the copy what is this node's own doing and not an operator's. */
  readonly lift?: ((file: string) => void) | undefined;
}

export type Taken =
  | { readonly unchanged: true; readonly warnings: readonly string[] }
  | {
      readonly unchanged: false;
      readonly stored: StoredSnapshot;
      readonly manifest: Manifest;
      readonly warnings: readonly string[];
    };

/**
 * Takes a snapshot of ProxySQL's configuration on disk and admits it to the outbox, verified, and read back as it lies
 * there. If nothing differs from `before`, nothing is kept. One that does not pass goes to quarantine, and the error is `snapshot-refused`;
 * nothing is left in `staging` in any case.
 */
export async function takeSnapshot(options: TakeOptions): Promise<Taken> {
  await createBox(options.staging);
  await sweepTemporaries(options.staging);
  const work = await createTemporary(options.staging, "incoming");
  try {
    const database = join(work, databaseName);
    const mark = await markSource(options.datadir);
    await copyDatabase(options, database);
    options.lift?.(database);
    const tls = await collectTls(options.datadir, work);
    const source = steadyMark(mark, await markSource(options.datadir));
    return await keep(options, { database, source, tls });
  } finally {
    await remove(work);
  }
}

interface Copy {
  readonly database: string;
  readonly source: Manifest["source"];
  readonly tls: TlsCopies;
}

async function copyDatabase({ via, datadir }: TakeOptions, to: string): Promise<void> {
  if (via !== null) return via.vacuumInto(to);
  await copyDatabaseFile(join(datadir, databaseName), to);
}

async function keep(options: TakeOptions, copy: Copy): Promise<Taken> {
  const { before, lineage } = options;
  const { database, source, tls } = copy;
  // Before anything else is read of it: what the copy loses later shows when the packed form is read back.
  const sha256 = await sha256OfFile(database);
  const inspection = await inspected(options, database);
  const damage = damagedInPlace({ node: lineage.node, source, inspection, tls: tls.files }, before);
  if (damage) throw await quarantined(options, database, damage);
  const { warnings } = tls;
  const unchanged = before?.content === contentDigest(inspection, tls.files);
  if (unchanged && !options.evenIfUnchanged) return { unchanged, warnings };
  return {
    unchanged: false,
    ...(await store(options, copy, describe(options, copy, inspection, sha256))),
    warnings,
  };
}

async function inspected(options: TakeOptions, database: string): Promise<Inspection> {
  const { definitions, before, accept } = options;
  const verified = await verifyDatabase(database, {
    definitions: definitions?.tables,
    before,
    accept,
    method: methodOf(options),
  });
  if (verified.ok) return verified.inspection;
  throw await quarantined(options, database, verified.refusal);
}

/** Packs the snapshot, reads back what the disk has of it, and only then lets it be seen. */
async function store(
  options: TakeOptions,
  { database, tls }: Copy,
  description: Description,
): Promise<{ stored: StoredSnapshot; manifest: Manifest }> {
  const dir = await options.store.prepare("outbox");
  try {
    const manifest = await packInto(dir, { database, tls: tls.paths }, description);
    const refusal = unusable(manifest);
    if (refusal) throw await quarantined(options, database, refusal);
    await checkPacked(dir, manifest);
    const stored = await options.store.admit(dir, manifest, "outbox");
    if (options.accept) await options.store.pardon(manifest.id, "suspiciously-empty");
    return { stored, manifest };
  } catch (error) {
    await remove(dir);
    throw error;
  }
}

/** A manifest that no receiver would read must not block shipping without a word. */
function unusable(manifest: Manifest): Refusal | undefined {
  if (isTooLarge(manifest))
    return refuse("manifest-invalid", "ProxySQL's database has too many tables for a manifest.");
  const parsed = parseManifest(manifest);
  return "refusal" in parsed ? parsed.refusal : undefined;
}

type Description = Omit<Manifest, "packed" | "seal">;

function describe(
  options: TakeOptions,
  { source, tls }: Copy,
  inspection: Inspection,
  sha256: string,
): Description {
  const { lineage, ancestry, proxysqlVersion, before, accept } = options;
  const { pages, pageSize, shared, definitions } = inspection;
  const tables = Object.entries(inspection.tables).map(([name, { rows, content, definition }]) => {
    return [name, { rows, content, definition }] as const;
  });
  return {
    schema: "proxysql-carp/manifest/v1",
    id: snapshotId(lineage),
    lineage,
    ancestry: [...ancestry],
    takenAt: new Date(wallClock()).toISOString(),
    method: methodOf(options),
    proxysqlVersion,
    source,
    accepted: acceptedIn(inspection.tables, before, accept === true),
    database: { size: pages * pageSize, sha256, pages, pageSize },
    content: contentDigest(inspection, tls.files),
    shared,
    definitions,
    tables: Object.fromEntries(tables),
    tls: [...tls.files],
  };
}

function methodOf({ via }: TakeOptions): Manifest["method"] {
  return via === null ? "file" : "admin";
}

async function quarantined(options: TakeOptions, database: string, refusal: Refusal): Promise<Error> {
  const { store, lineage } = options;
  const dir = await store.prepare("outbox");
  await copyFile(database, join(dir, databaseName));
  const kept = await store.quarantine(dir, refusal, snapshotId(lineage));
  return refusalError(refusal, undefined, { kept });
}
