import { join } from "node:path";
import { isKnown, KnownError } from "../platform/errors.js";
import { exists, namesIn, remove } from "../platform/files.js";
import { isRoot } from "../platform/plain-file.js";
import type { Lineage } from "../role/lineage.js";
import { createBox, giveWhole, moveIn } from "./box.js";
import { lineageOfId, type Manifest } from "./manifest.js";
import { readManifest, writeManifest } from "./manifest-file.js";
import { packedDatabaseName, unpackDirectory } from "./pack.js";
import { pardonIn, quarantineInto } from "./quarantine.js";
import { type Refusal, type RefusalCause, refusalError, refusalOf, refuse } from "./refusal.js";
import { createTemporary, removeWhole, sweepTemporaries } from "./temporary.js";

/** `inbox` holds what peers sent, `outbox` what this node took itself. */
export type Box = "inbox" | "outbox";

export interface StoredSnapshot {
  readonly id: string;
  readonly lineage: Lineage;
  readonly box: Box;
  readonly dir: string;
}

export interface StoredManifest {
  readonly stored: StoredSnapshot;
  readonly manifest: Manifest;
}

/** The snapshots on this host's disk. Whatever is in a box was verified before it came there, and is whole. */
export interface Store {
  /** All snapshots in both boxes, lowest lineage first. Reads names only. */
  list(): Promise<StoredSnapshot[]>;
  /** The manifest of a snapshot, or a `snapshot-missing` or `snapshot-refused` error. */
  manifest(id: string): Promise<Manifest>;
  /** The manifest of the greatest readable snapshot below `id`: what its emptiness is measured by. */
  before(id: string): Promise<Manifest | undefined>;
  /** The greatest snapshot of both boxes (or of one), unreadable ones left out. */
  latest(box?: Box): Promise<StoredManifest | undefined>;
  /** Writes a snapshot's database and TLS files into a directory, which need not be there; its rows are not verified. */
  unpack(id: string, toDir: string): Promise<Manifest>;
  /** The same for a prepared directory that is not admitted yet. */
  unpackFrom(dir: string, toDir: string, manifest: Manifest): Promise<void>;
  /** A new directory in a box that no reader sees, to be filled and then admitted. */
  prepare(box: Box): Promise<string>;
  /** Makes a prepared, verified directory a snapshot: durable before it is visible. The same one again is no error. */
  admit(dir: string, manifest: Manifest, box: Box): Promise<StoredSnapshot>;
  /** Moves a prepared directory out of reach, with the cause beside it; returns where it is now. */
  quarantine(dir: string, refusal: Refusal, id?: string): Promise<string>;
  /** Removes what lies in quarantine of a snapshot that was refused for `cause` and has been accepted since. */
  pardon(id: string, cause: RefusalCause): Promise<void>;
  /** Removes one snapshot that must not be found any more: its content is in another one. None of that id is no error. */
  remove(id: string): Promise<void>;
  /** Removes the lowest snapshots of a box beyond `keep`, never its greatest. Returns the ids removed. */
  purge(box: Box, keep: number): Promise<string[]>;
  /**
   * Removes what processes that are gone have left half done, and returns the names removed. Snapshots whose manifest
   * is damaged or gone are put into quarantine.
   */
  sweep(): Promise<string[]>;
}

const boxes: readonly Box[] = ["inbox", "outbox"];

export function openStore(stateDir: string): Store {
  const boxDir = (box: Box): string => join(stateDir, box);

  /**
   * Where a snapshot in `dir` is made, taken apart and removed. The boxes belong to the SSH link's user, and that user
   * could put links into root's way there: root does it in a directory of its own. All are in one file system.
   */
  async function workplace(dir: string): Promise<string> {
    const place = isRoot() ? join(stateDir, "work") : dir;
    await createBox(place);
    return place;
  }

  async function listBox(box: Box): Promise<StoredSnapshot[]> {
    const dir = boxDir(box);
    return (await namesIn(dir)).flatMap((id) => {
      const lineage = lineageOfId(id);
      return lineage === undefined ? [] : [{ id, lineage, box, dir: `${dir}/${id}` }];
    });
  }

  async function list(): Promise<StoredSnapshot[]> {
    const all = (await Promise.all(boxes.map(listBox))).flat();
    // Ids sort as lineages do.
    return all.sort((a, b) => (a.id < b.id ? -1 : a.id > b.id ? 1 : 0));
  }

  async function find(id: string): Promise<StoredSnapshot> {
    const found = (await list()).find((stored) => stored.id === id);
    if (found === undefined)
      throw new KnownError("snapshot-missing", `There is no snapshot ${id} here.`, { id });
    return found;
  }

  async function latest(box?: Box): Promise<StoredManifest | undefined> {
    return greatestOf((await list()).filter((stored) => box === undefined || stored.box === box));
  }

  async function before(id: string): Promise<Manifest | undefined> {
    const all = await list();
    const place = all.findIndex((stored) => stored.id === id);
    return (await greatestOf(all.slice(0, Math.max(0, place))))?.manifest;
  }

  async function greatestOf(candidates: StoredSnapshot[]): Promise<StoredManifest | undefined> {
    for (const stored of candidates.reverse()) {
      const manifest = await readManifest(stored.dir).catch(() => undefined);
      if (manifest?.id === stored.id) return { stored, manifest };
    }
    return undefined;
  }

  /** A whole snapshot under another one's name is sound, and would pass for that one: for a newer, even. */
  async function manifestOf(id: string): Promise<{ dir: string; manifest: Manifest }> {
    const { dir } = await find(id);
    const manifest = await readManifest(dir);
    if (manifest.id === id) return { dir, manifest };
    throw refusalError(refuse("manifest-invalid", `${dir} has the manifest of ${manifest.id}.`));
  }

  async function unpack(id: string, toDir: string): Promise<Manifest> {
    const { dir, manifest } = await manifestOf(id);
    await unpackFrom(dir, toDir, manifest);
    return manifest;
  }

  /**
   * A snapshot whose manifest nobody can believe is passed over by all who look for the newest: it goes where it is
   * seen. One that is being removed, or that the disk does not give now, is left to the next time.
   */
  async function weedOut(): Promise<void> {
    for (const { id, dir } of await list()) {
      const refusal = await manifestOf(id).then(
        () => undefined,
        (error: unknown) => unbelievable(error, dir),
      );
      if (refusal !== undefined) await quarantine(dir, refusal, id);
    }
  }

  async function quarantine(dir: string, refusal: Refusal, id?: string): Promise<string> {
    const quarantine = join(stateDir, "quarantine");
    await createBox(quarantine);
    return quarantineInto({ quarantine, place: await workplace(quarantine) }, dir, refusal, id);
  }

  async function admit(dir: string, manifest: Manifest, box: Box): Promise<StoredSnapshot> {
    const { id, lineage } = manifest;
    const target = join(boxDir(box), id);
    const stored: StoredSnapshot = { id, lineage, box, dir: target };
    await requireWhole(dir, manifest);
    if (await exists(target)) {
      await requireSame(target, manifest);
      await remove(dir);
      return stored;
    }
    await writeManifest(dir, manifest);
    await createBox(boxDir(box));
    await giveWhole(dir, boxDir(box));
    await moveIn(dir, target);
    return stored;
  }

  async function purge(box: Box, keep: number): Promise<string[]> {
    const mine = (await list()).filter((stored) => stored.box === box);
    const doomed = mine.slice(0, Math.max(0, mine.length - Math.max(1, Math.floor(keep))));
    for (const { dir } of doomed) await removeWhole(dir, await workplace(boxDir(box)));
    return doomed.map(({ id }) => id);
  }

  async function removeOne(id: string): Promise<void> {
    for (const { dir, box } of (await list()).filter((stored) => stored.id === id))
      await removeWhole(dir, await workplace(boxDir(box)));
  }

  return {
    list,
    manifest: async (id) => (await manifestOf(id)).manifest,
    before,
    latest,
    unpack,
    unpackFrom,
    prepare: async (box) => {
      await createBox(boxDir(box));
      return createTemporary(await workplace(boxDir(box)), "incoming");
    },
    admit,
    quarantine,
    pardon: async (id, cause) => {
      const quarantine = join(stateDir, "quarantine");
      if (!(await exists(quarantine))) return;
      await pardonIn({ quarantine, place: await workplace(quarantine) }, id, cause);
    },
    remove: removeOne,
    purge,
    sweep: async () => {
      await weedOut();
      const all = [...boxes.map(boxDir), join(stateDir, "quarantine")];
      if (!isRoot()) return (await Promise.all(all.map((dir) => sweepTemporaries(dir)))).flat();
      const place = await workplace(stateDir);
      const swept = await Promise.all(all.map((dir) => sweepTemporaries(dir, place)));
      return [...swept.flat(), ...(await sweepTemporaries(place))];
    },
  };
}

/** Snapshots come and go as a whole: one that is there without a manifest has lost it. */
async function unbelievable(error: unknown, dir: string): Promise<Refusal | undefined> {
  if (!isKnown(error, "snapshot-missing")) return refusalOf(error);
  return (await exists(dir)) ? refuse("incomplete", `${dir} has no manifest.`) : undefined;
}

async function unpackFrom(dir: string, toDir: string, manifest: Manifest): Promise<void> {
  await createBox(toDir);
  await unpackDirectory(dir, toDir, manifest);
}

async function requireWhole(dir: string, manifest: Manifest): Promise<void> {
  for (const name of [packedDatabaseName, ...manifest.tls.map((file) => file.name)]) {
    if (await exists(join(dir, name))) continue;
    throw refusalError(refuse("incomplete", `${manifest.id} has no ${name}.`));
  }
}

async function requireSame(target: string, manifest: Manifest): Promise<void> {
  const present = await readManifest(target);
  if (present.content === manifest.content && present.database.sha256 === manifest.database.sha256) return;
  throw refusalError(
    refuse(
      "diverged",
      `${manifest.id} is here already with another content: two nodes or clocks share a lineage.`,
    ),
  );
}
