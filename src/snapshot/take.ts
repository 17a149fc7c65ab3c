import { copyFile } from "node:fs/promises";
import { join } from "node:path";
import { wallClock } from "../platform/clock.js";
import { remove } from "../platform/files.js";
import type { EpochOpening, Lineage } from "../role/lineage.js";
import { createBox } from "./box.js";
import { contentDigest } from "./content.js";
import { copyDatabaseFile } from "./copy-database.js";
import type { Definitions } from "./definitions.js";
import { sha256OfFile } from "./hashing.js";
import type { Inspection } from "./inspection.js";
import { type Manifest, snapshotId } from "./manifest.js";
import { databaseName, packInto } from "./pack.js";
import { type Refusal, refusalError } from "./refusal.js";
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
 * Takes a snapshot of ProxySQL's configuration on disk and admits it to the outbox, verified. If nothing differs
 * from `before`, nothing is kept. One that does not pass goes to quarantine, and the error is `snapshot-refused`;
 * nothing is left in `staging` in any case.
 */
export async function takeSnapshot(options: TakeOptions): Promise<Taken> {
  await createBox(options.staging);
  await sweepTemporaries(options.staging);
  const work = await createTemporary(options.staging, "incoming");
  try {
    const database = join(work, databaseName);
    await copyDatabase(options, database);
    const tls = await collectTls(options.datadir, work);
    return await keep(options, database, tls);
  } finally {
    await remove(work);
  }
}

async function copyDatabase({ via, datadir }: TakeOptions, to: string): Promise<void> {
  if (via !== null) return via.vacuumInto(to);
  await copyDatabaseFile(join(datadir, databaseName), to);
}

async function keep(options: TakeOptions, database: string, tls: TlsCopies): Promise<Taken> {
  const { store, before, definitions, accept } = options;
  const method = options.via === null ? "file" : "admin";
  const verified = await verifyDatabase(database, {
    definitions: definitions?.tables,
    before,
    accept,
    method,
  });
  if (!verified.ok) throw await quarantined(options, database, verified.refusal);
  const { warnings } = tls;
  const unchanged = before?.content === contentDigest(verified.inspection, tls.files);
  if (unchanged && !options.evenIfUnchanged) return { unchanged, warnings };
  const manifest = await describe(options, database, verified.inspection, tls);
  const dir = await store.prepare("outbox");
  try {
    await packInto(dir, { database, tls: tls.paths }, manifest);
    return { unchanged: false, stored: await store.admit(dir, manifest, "outbox"), manifest, warnings };
  } catch (error) {
    await remove(dir);
    throw error;
  }
}

async function describe(
  options: TakeOptions,
  database: string,
  inspection: Inspection,
  tls: TlsCopies,
): Promise<Manifest> {
  const { lineage, ancestry, via, proxysqlVersion } = options;
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
    method: via === null ? "file" : "admin",
    proxysqlVersion,
    database: { size: pages * pageSize, sha256: await sha256OfFile(database), pages, pageSize },
    content: contentDigest(inspection, tls.files),
    shared,
    definitions,
    tables: Object.fromEntries(tables),
    tls: [...tls.files],
  };
}

async function quarantined(options: TakeOptions, database: string, refusal: Refusal): Promise<Error> {
  const { store, lineage } = options;
  const dir = await store.prepare("outbox");
  await copyFile(database, join(dir, databaseName));
  const kept = await store.quarantine(dir, refusal, snapshotId(lineage));
  return refusalError(refusal, undefined, { kept });
}
