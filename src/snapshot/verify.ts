import { stat } from "node:fs/promises";
import { join } from "node:path";
import { statOrUndefined } from "../platform/files.js";
import { contentDigest, tlsNames } from "./content.js";
import { emptiedSince, looksHalfSaved } from "./emptiness.js";
import { sha256OfFile } from "./hashing.js";
import { type Inspection, inspectDatabase } from "./inspect.js";
import type { Manifest } from "./manifest.js";
import { type Refusal, type RefusalCause, refuse } from "./refusal.js";

export interface VerifyOptions {
  /** Definitions in this host's own ProxySQL, by table: SHA-256. Without them, definitions are not compared. */
  readonly definitions?: Readonly<Record<string, string>> | undefined;
  /** The good snapshot before this one: against it a sudden emptiness shows. */
  readonly before?: Pick<Manifest, "tables"> | undefined;
  /** An operator says that the emptiness is meant. No other check is left out. */
  readonly accept?: boolean | undefined;
}

export interface VerifyFileOptions extends VerifyOptions {
  /** What the file should be. Without it, only what the file says of itself is checked. */
  readonly manifest?: Manifest | undefined;
  /** How it was taken, if there is no manifest to tell. `file` is the distrustful default. */
  readonly method?: Manifest["method"] | undefined;
}

export type Verified =
  | { readonly ok: true; readonly inspection: Inspection }
  | { readonly ok: false; readonly refusal: Refusal };

/**
 * All checks that make a database file a good snapshot, cheapest first, each with its own cause: size, SHA-256, is
 * it a database, integrity_check, ProxySQL's tables, their definitions, the manifest's row digests, emptiness. One
 * check alone misses most damage: integrity_check finds a tenth of all single bit flips, and passes an empty file.
 */
export async function verifyDatabase(file: string, options: VerifyFileOptions = {}): Promise<Verified> {
  const { manifest } = options;
  const differing = manifest && (await fileDiffers(file, manifest.database));
  if (differing) return refused(differing.cause, `The database ${differing.what}.`);
  const inspection = await inspectDatabase(file);
  if (!inspection.isDatabase) return refused("not-a-database", inspection.problems.join(" "));
  if (inspection.problems.length > 0) {
    return refused("integrity", `The database is damaged: ${inspection.problems.join("; ")}`);
  }
  const refusal =
    missingTables(inspection) ??
    foreignDefinition(inspection, options.definitions ?? {}) ??
    (manifest && otherContent(inspection, manifest)) ??
    suspiciousEmptiness(inspection, options);
  return refusal ? { ok: false, refusal } : { ok: true, inspection };
}

/** The same for a directory with an unpacked snapshot: proxysql.db, and the TLS files that the manifest names. */
export async function verifyUnpacked(
  dir: string,
  manifest: Manifest,
  options: VerifyOptions = {},
): Promise<Verified> {
  const file = join(dir, "proxysql.db");
  if ((await statOrUndefined(file)) === undefined)
    return refused("incomplete", "The snapshot has no database.");
  const tls = await tlsRefusal(dir, manifest);
  if (tls) return { ok: false, refusal: tls };
  const verified = await verifyDatabase(file, { ...options, manifest });
  if (!verified.ok) return verified;
  if (contentDigest(verified.inspection, manifest.tls) !== manifest.content) {
    return refused(
      "content-differs",
      "The content digest is not the manifest's: the manifest belongs to another snapshot.",
    );
  }
  return verified;
}

async function tlsRefusal(dir: string, manifest: Manifest): Promise<Refusal | undefined> {
  const named = new Set(manifest.tls.map(({ name }) => name));
  if (
    manifest.tls.length > 0 &&
    (named.size !== tlsNames.length || manifest.tls.length !== tlsNames.length)
  ) {
    return refuse(
      "tls-differs",
      "The manifest does not name all three TLS files, which ProxySQL needs together.",
    );
  }
  for (const file of manifest.tls) {
    const path = join(dir, file.name);
    if ((await statOrUndefined(path)) === undefined) return refuse("incomplete", `${file.name} is missing.`);
    const differing = await fileDiffers(path, file);
    if (differing) return refuse("tls-differs", `${file.name} ${differing.what}.`);
  }
  return undefined;
}

async function fileDiffers(
  path: string,
  expected: { readonly size: number; readonly sha256: string },
): Promise<{ cause: RefusalCause; what: string } | undefined> {
  const { size } = await stat(path);
  if (size !== expected.size) {
    return { cause: "size-differs", what: `has ${size} bytes, its manifest says ${expected.size}` };
  }
  const sha256 = await sha256OfFile(path);
  if (sha256 === expected.sha256) return undefined;
  return { cause: "digest-differs", what: `has SHA-256 ${sha256}, its manifest says ${expected.sha256}` };
}

function missingTables({ tables }: Inspection): Refusal | undefined {
  const missing = ["global_variables", "mysql_servers", "mysql_users", "mysql_query_rules"].filter(
    (name) => tables[name] === undefined,
  );
  if (missing.length > 0) {
    return refuse("no-tables", `This is no database of ProxySQL's: it has no ${missing.join(", ")}.`);
  }
  if (tables.global_variables?.rows === 0) {
    return refuse("no-tables", "global_variables is empty: ProxySQL has not finished writing this database.");
  }
  return undefined;
}

/** A table that only one side knows does no harm: ProxySQL adds what it misses and leaves alone what it does not know. */
function foreignDefinition(
  { tables }: Inspection,
  definitions: Readonly<Record<string, string>>,
): Refusal | undefined {
  const differing = Object.keys(tables).filter((name) => {
    const ours = own(definitions, name);
    return ours !== undefined && ours !== tables[name]?.definition;
  });
  if (differing.length === 0) return undefined;
  return refuse(
    "definitions-differ",
    `ProxySQL here defines ${differing.join(", ")} differently and would drop what the snapshot has in it.`,
  );
}

function otherContent(inspection: Inspection, manifest: Manifest): Refusal | undefined {
  const names = new Set([...Object.keys(inspection.tables), ...Object.keys(manifest.tables)]);
  for (const name of names) {
    const has = own(inspection.tables, name);
    const says = own(manifest.tables, name);
    if (has?.rows === says?.rows && has?.content === says?.content && has?.definition === says?.definition)
      continue;
    return refuse(
      "content-differs",
      `${name} has ${has?.rows ?? "no"} rows, and not those of its manifest (${says?.rows ?? "none"}).`,
    );
  }
  const { pages, pageSize } = manifest.database;
  if (inspection.pages !== pages || inspection.pageSize !== pageSize) {
    const found = `${inspection.pages} pages of ${inspection.pageSize} bytes`;
    return refuse("content-differs", `It has ${found}, its manifest says ${pages} of ${pageSize}.`);
  }
  const digestsAgree =
    inspection.shared === manifest.shared && inspection.definitions === manifest.definitions;
  return digestsAgree ? undefined : refuse("content-differs", "The digests are not the manifest's.");
}

function suspiciousEmptiness({ tables }: Inspection, options: VerifyFileOptions): Refusal | undefined {
  if (options.accept) return undefined;
  const accepted = options.manifest?.accepted;
  if (options.before) return emptiedSince(options.before.tables, tables, accepted);
  const method = options.manifest?.method ?? options.method ?? "file";
  return method === "file" ? looksHalfSaved(tables, accepted) : undefined;
}

/** Table names come out of files: `constructor` is one of an object's own properties only if it is a table. */
function own<T>(of: Readonly<Record<string, T>>, name: string): T | undefined {
  return Object.hasOwn(of, name) ? of[name] : undefined;
}

function refused(cause: RefusalCause, sentence: string): Verified {
  return { ok: false, refusal: refuse(cause, sentence) };
}
