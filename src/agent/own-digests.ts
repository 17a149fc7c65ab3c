import { lstat } from "node:fs/promises";
import { join } from "node:path";
import { monotonic } from "../platform/clock.js";
import { isKnown, systemCode } from "../platform/errors.js";
import { NotPlainFile, openPlain } from "../platform/plain-file.js";
import { modules } from "../proxysql/modules.js";
import { tlsNames } from "../snapshot/content.js";
import { readDefinitions } from "../snapshot/definitions.js";
import { sha256Of } from "../snapshot/hashing.js";
import type { Manifest } from "../snapshot/manifest.js";

/** What both nodes of a pair should have alike, by digests that peers may see. */
export interface OwnDigests {
  /** Of ProxySQL's table definitions; null before it was ever seen running. */
  readonly definitions: string | null;
  /** The version that the definitions are of. */
  readonly proxysqlVersion: string | null;
  /** Of the TLS files; null without all three. */
  readonly tls: string | null;
  /** Those that are not there although others are. */
  readonly tlsMissing: readonly string[];
}

const lookEveryMs = 2_000;
/** As `collectTls`: a key, a certificate or a chain is a few kilobytes. */
const sizeLimit = 1024 * 1024;

/**
 * Tables that every version from 2.5 on has. ProxySQL 3.0 adds more, and a pair may be in the middle of an upgrade:
 * versions may differ, definitions of what both know may not.
 */
const commonTables: readonly string[] = [
  "global_variables",
  ...modules.flatMap(({ tables }) => tables ?? []),
].filter((name) => !/^(pgsql|clickhouse)_|ldap_mapping$/.test(name));

/** Keeps the digests, and reads a file again only when it has changed. */
export class DigestReader {
  readonly #stateDir: string;
  readonly #datadir: string;
  readonly #everyMs: number;
  #digests: OwnDigests = { definitions: null, proxysqlVersion: null, tls: null, tlsMissing: [] };
  #definitionsMark: string | undefined;
  #tlsMark: string | undefined;
  #lookedAt: number | undefined;

  constructor(stateDir: string, datadir: string, everyMs = lookEveryMs) {
    this.#stateDir = stateDir;
    this.#datadir = datadir;
    this.#everyMs = everyMs;
  }

  get digests(): OwnDigests {
    return this.#digests;
  }

  async look(): Promise<OwnDigests> {
    if (this.#lookedAt !== undefined && monotonic() - this.#lookedAt < this.#everyMs) return this.#digests;
    this.#lookedAt = monotonic();
    await this.#lookAtDefinitions();
    await this.#lookAtTls();
    return this.#digests;
  }

  async #lookAtDefinitions(): Promise<void> {
    const mark = await markOf(join(this.#stateDir, "definitions.json"));
    if (mark === this.#definitionsMark) return;
    const definitions = await readDefinitions(this.#stateDir).catch((error: unknown) => {
      // Being written by another hand, or damaged: written anew at ProxySQL's next start.
      if (isKnown(error, "state-damaged")) return undefined;
      throw error;
    });
    this.#definitionsMark = mark;
    this.#digests = {
      ...this.#digests,
      definitions: definitions === undefined ? null : definitionsDigest(definitions.tables),
      proxysqlVersion: definitions?.version ?? null,
    };
  }

  async #lookAtTls(): Promise<void> {
    const paths = tlsNames.map((name) => join(this.#datadir, name));
    const mark = (await Promise.all(paths.map(markOf))).join(" ");
    if (mark === this.#tlsMark) return;
    const digests = await Promise.all(paths.map(digestOf));
    const there = tlsNames.flatMap((name, index) => {
      const sha256 = digests[index];
      return sha256 === undefined ? [] : [{ name, sha256 }];
    });
    const missing = tlsNames.filter((name) => !there.some((file) => file.name === name));
    this.#tlsMark = mark;
    this.#digests = {
      ...this.#digests,
      tls: missing.length === 0 ? tlsDigest(there) : null,
      tlsMissing: there.length === 0 ? [] : missing,
    };
  }
}

/** One digest for a snapshot's TLS files, or for those in place; null if there are none. */
export function tlsDigest(files: readonly Pick<Manifest["tls"][number], "name" | "sha256">[]): string | null {
  if (files.length === 0) return null;
  return sha256Of(
    files
      .map(({ name, sha256 }) => `${name} ${sha256}`)
      .sort()
      .join("\n"),
  );
}

function definitionsDigest(tables: Readonly<Record<string, string>>): string {
  return sha256Of(commonTables.map((name) => `${name} ${tables[name] ?? "-"}`).join("\n"));
}

async function markOf(path: string): Promise<string> {
  try {
    const { ino, mtimeMs, ctimeMs, size } = await lstat(path);
    return `${ino}:${mtimeMs}:${ctimeMs}:${size}`;
  } catch (error) {
    if (systemCode(error) === "ENOENT") return "-";
    return String(systemCode(error));
  }
}

/** As the snapshot has it: no link is followed, and an empty file is one that is just being written. */
async function digestOf(path: string): Promise<string | undefined> {
  try {
    const handle = await openPlain(path);
    try {
      const { size } = await handle.stat();
      if (size === 0 || size > sizeLimit) return undefined;
      return sha256Of(await handle.readFile());
    } finally {
      await handle.close();
    }
  } catch (error) {
    if (error instanceof NotPlainFile || systemCode(error) !== undefined) return undefined;
    throw error;
  }
}
