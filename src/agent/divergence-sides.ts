import { join } from "node:path";
import type { PeerLink } from "../peer/link.js";
import { isKnown, KnownError, sentenceOf } from "../platform/errors.js";
import type { Logger } from "../platform/log.js";
import { rankOf } from "../ship/node-state.js";
import type { Staging } from "../ship/staging.js";
import type { Manifest } from "../snapshot/manifest.js";
import { databaseName, unpackDirectory } from "../snapshot/pack.js";
import { refusalError } from "../snapshot/refusal.js";
import type { Store, StoredSnapshot } from "../snapshot/store.js";
import { verifyUnpacked } from "../snapshot/verify.js";
import { commonAncestors } from "./parting.js";

/** A snapshot of some hundred kilobytes takes milliseconds; nobody waits for this one. */
const fetchDeadlineMs = 60_000;
const listDeadlineMs = 5_000;
/** Larger than any database that ProxySQL has; a peer's manifest may say anything. */
const sizeLimit = 1024 * 1024 * 1024;
/** A base may be damaged, or go while it is fetched; then an older one says as much, and more. */
const basesTried = 5;

/** One snapshot that is compared: its manifest, and its verified database as a file. */
export interface Side {
  readonly manifest: Manifest;
  readonly database: string;
}

export interface SidesDeps {
  readonly store: Store;
  readonly staging: Staging;
  readonly log: Logger;
}

/**
 * Brings snapshots into scratch directories to be compared there, own ones out of the boxes and a peer's over the link.
 * A peer's never comes into a box: it is looked at, and can by no way be installed. `end` removes all of it.
 */
export class Sides {
  readonly #deps: SidesDeps;
  readonly #dirs: string[] = [];

  constructor(deps: SidesDeps) {
    this.#deps = deps;
  }

  async end(): Promise<void> {
    for (const dir of this.#dirs) await this.#deps.staging.remove(dir);
  }

  /** A snapshot of our boxes. */
  async own(id: string): Promise<Side> {
    const dir = await this.#make();
    return verified(dir, await this.#deps.store.unpack(id, dir));
  }

  /** A snapshot of a peer's boxes. */
  async fetched(link: PeerLink, id: string): Promise<Side> {
    const packed = await this.#make();
    const dir = await this.#make();
    const manifest = await link.get(id, packed, fetchDeadlineMs);
    if (manifest.database.size > sizeLimit)
      throw new KnownError(
        "not-done",
        `${id} is to have ${manifest.database.size} bytes: too many to compare.`,
      );
    await unpackDirectory(packed, dir, manifest);
    return verified(dir, manifest);
  }

  /** The greatest common ancestor of two snapshots that is left in our boxes or the peer's; null if none is. */
  async base(one: Manifest, other: Manifest, link: PeerLink | undefined): Promise<Side | null> {
    const own = await this.#deps.store.list();
    const theirs = (await this.listed(link)).filter(({ id }) => !own.some((stored) => stored.id === id));
    const candidates = commonAncestors<Listed>([...own, ...theirs], rankOf(one), rankOf(other));
    for (const found of candidates.slice(0, basesTried)) {
      try {
        if (isStored(found)) return await this.own(found.id);
        if (link !== undefined) return await this.fetched(link, found.id);
      } catch (error) {
        if (!isKnown(error)) throw error;
        this.#deps.log.debug(`${found.id} cannot be the base of a comparison: ${sentenceOf(error)}`);
      }
    }
    return null;
  }

  /** What a peer has; nothing if it cannot be asked. */
  async listed(link: PeerLink | undefined): Promise<Listed[]> {
    try {
      return (await link?.list(listDeadlineMs)) ?? [];
    } catch (error) {
      if (!isKnown(error)) throw error;
      return [];
    }
  }

  async #make(): Promise<string> {
    const dir = await this.#deps.staging.make();
    this.#dirs.push(dir);
    return dir;
  }
}

type Listed = Pick<StoredSnapshot, "id" | "lineage">;

function isStored(found: Listed | StoredSnapshot): found is StoredSnapshot {
  return "dir" in found;
}

/** Definitions may differ and a table may be empty: it is compared, not installed. Everything else must be right. */
async function verified(dir: string, manifest: Manifest): Promise<Side> {
  const result = await verifyUnpacked(dir, manifest, { accept: true });
  if (!result.ok) throw refusalError(result.refusal);
  return { manifest, database: join(dir, databaseName) };
}
