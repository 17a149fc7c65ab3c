import { mkdir } from "node:fs/promises";
import { join, resolve } from "node:path";
import { adminAddress } from "../config/admin-address.js";
import type { Config } from "../config/schema.js";
import { exists } from "../platform/files.js";
import { ownerNamed, ownerOfDirectory } from "../platform/owner.js";
import { AdminClient } from "../proxysql/admin-client.js";
import { vacuumInto } from "../proxysql/vacuum.js";
import type { TlsFile } from "../snapshot/content.js";
import { copyDatabaseFile } from "../snapshot/copy-database.js";
import type { TableRule } from "../snapshot/difference.js";
import { findStored, namesSnapshot } from "../snapshot/find-stored.js";
import { writeLiveDatabase } from "../snapshot/live-database.js";
import type { Manifest } from "../snapshot/manifest.js";
import { openPath } from "../snapshot/open-path.js";
import { databaseName } from "../snapshot/pack.js";
import { refusalError } from "../snapshot/refusal.js";
import { openStore } from "../snapshot/store.js";
import { collectTls } from "../snapshot/tls-files.js";
import { verifyDatabase, verifyUnpacked } from "../snapshot/verify.js";
import { peersNewest } from "./peers-newest.js";
import { Staging } from "./staging.js";

/** One of the two configurations that are compared, as a database of ours. */
export interface Side {
  /** `live`, `disk`, a path, or a snapshot's id: what it turned out to be. */
  readonly name: string;
  readonly database: string;
  readonly manifest: Manifest | null;
  /** The TLS files that belong to it; null if nothing is known of them. */
  readonly tls: readonly TlsFile[] | null;
  /** If it has only some tables, or not as they were saved: which, and how they compare. */
  readonly only?: Readonly<Record<string, TableRule>>;
  /** Something worth knowing about where it comes from. */
  readonly note: string | null;
}

export interface SideSources {
  /** Reads the configuration file; only called for what needs it. */
  readonly config: () => Config;
  /** This program's version, which a peer is told. */
  readonly version: string;
}

/**
 * Brings one side of a comparison into the empty directory `dir`: `live` (ProxySQL's runtime), `disk` (its database as
 * taking a snapshot copies it), `peer` or `peer:NAME` (a peer's newest snapshot), a path, or a snapshot in the store as
 * `findStored` names it. What is damaged is `snapshot-refused`: a difference of it would tell nothing.
 */
export async function openSide(what: string, dir: string, sources: SideSources): Promise<Side> {
  await mkdir(dir, { recursive: true, mode: 0o700 });
  if (what === "live") return live(dir, sources.config());
  if (what === "disk") return disk(dir, sources.config());
  const peer = /^peer(?::(.+))?$/.exec(what);
  if (peer) return ofPeer(peer[1], dir, sources);
  const isPath = what.includes("/") || (await exists(resolve(what)));
  if (!isPath && namesSnapshot(what)) return stored(what, dir, sources.config());
  return path(what, dir);
}

async function live(dir: string, config: Config): Promise<Side> {
  const admin = new AdminClient(adminAddress(config));
  const database = join(dir, databaseName);
  try {
    const only = await writeLiveDatabase(admin, database);
    return { name: "live", database, manifest: null, tls: null, only, note: null };
  } finally {
    admin.disconnect();
  }
}

async function disk(dir: string, config: Config): Promise<Side> {
  const { datadir } = config.proxysql;
  const database = join(dir, databaseName);
  const note = await copyDisk(config, database);
  const tls = await collectTls(datadir, dir);
  await requireSound(database);
  return {
    name: "disk",
    database,
    manifest: null,
    tls: tls.files,
    note: [...tls.warnings, ...note].join(" ") || null,
  };
}

/** Through the admin if it answers, as a snapshot is taken: a SAVE is then never seen half done. */
async function copyDisk(config: Config, to: string): Promise<string[]> {
  const { datadir, owner } = config.proxysql;
  const admin = new AdminClient(adminAddress(config));
  const up = await admin.query("SELECT 1", 2_000).then(
    () => true,
    () => false,
  );
  try {
    if (up) {
      const ownerOf = () =>
        owner === undefined ? ownerOfDirectory(datadir, "[proxysql] datadir") : ownerNamed(owner);
      const staging = new Staging(join(config.node.state_dir, "staging"), ownerOf);
      await staging.receive(to, (drop) => vacuumInto(admin, drop));
      return [];
    }
  } finally {
    admin.disconnect();
  }
  await copyDatabaseFile(join(datadir, databaseName), to);
  return ["ProxySQL's admin does not answer: its file was copied."];
}

async function stored(name: string, dir: string, { node }: Config): Promise<Side> {
  const store = openStore(node.state_dir);
  const { id } = await findStored(store, name);
  return verifiedSide(id, dir, await store.unpack(id, dir), null);
}

async function ofPeer(
  name: string | undefined,
  dir: string,
  { config, version }: SideSources,
): Promise<Side> {
  const { manifest, note } = await peersNewest({ config: config(), version, peer: name }, dir);
  return verifiedSide(manifest.id, dir, manifest, note);
}

async function path(what: string, dir: string): Promise<Side> {
  const { manifest } = await openPath(resolve(what), dir);
  if (manifest !== null) return verifiedSide(what, dir, manifest, `snapshot ${manifest.id}`);
  const database = join(dir, databaseName);
  await requireSound(database);
  return { name: what, database, manifest, tls: null, note: null };
}

async function verifiedSide(
  name: string,
  dir: string,
  manifest: Manifest,
  note: string | null,
): Promise<Side> {
  // Whether it is suspiciously empty is what somebody may want to see by comparing it.
  const verified = await verifyUnpacked(dir, manifest, { accept: true });
  if (!verified.ok) throw refusalError(verified.refusal);
  return { name, database: join(dir, databaseName), manifest, tls: manifest.tls, note };
}

async function requireSound(database: string): Promise<void> {
  const verified = await verifyDatabase(database, { accept: true });
  if (!verified.ok) throw refusalError(verified.refusal);
}
