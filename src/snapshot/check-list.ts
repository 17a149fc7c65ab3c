import { join } from "node:path";
import type { Manifest } from "./manifest.js";
import { databaseName } from "./pack.js";
import type { Refusal, RefusalCause } from "./refusal.js";
import { verifyDatabase, verifyUnpacked } from "./verify.js";

/** The checks that make a snapshot a verified one, in the order in which they are made. */
const checkNames = [
  "files",
  "manifest",
  "gzip",
  "tls",
  "digest",
  "database",
  "integrity",
  "tables",
  "definitions",
  "content",
  "emptiness",
] as const;
export type CheckName = (typeof checkNames)[number];

/** How one check went. `not-made`: there is nothing to check by, or an earlier one failed; `why` tells. */
export interface Check {
  readonly name: CheckName;
  readonly state: "passed" | "failed" | "not-made";
  readonly why: string | null;
}

export interface CheckList {
  readonly refusal: Refusal | null;
  readonly checks: readonly Check[];
  /** Row counts by table, as far as the file could be read. */
  readonly rows: Readonly<Record<string, number>>;
}

/** The check that a cause comes from. `digest-differs` may be the gzip's or the database's: told by who found it. */
const checkOf: Readonly<Record<RefusalCause, CheckName>> = {
  "manifest-invalid": "manifest",
  incomplete: "files",
  "size-differs": "digest",
  "digest-differs": "digest",
  "not-a-database": "database",
  integrity: "integrity",
  "no-tables": "tables",
  "definitions-differ": "definitions",
  "content-differs": "content",
  "suspiciously-empty": "emptiness",
  "tls-differs": "tls",
  older: "manifest",
  diverged: "manifest",
};

export interface Subject {
  readonly dir: string;
  readonly manifest: Manifest | null;
  /** It came out of a gzip. */
  readonly packed: boolean;
  /** This host's definitions by table, or why there are none to compare with. */
  readonly definitions: { readonly tables: Readonly<Record<string, string>> } | { readonly missing: string };
  readonly before: Pick<Manifest, "id" | "tables"> | undefined;
  readonly accept: boolean;
}

/** Makes all checks that can be made of an unpacked snapshot or a mere database, and tells which those were. */
export async function checkUnpacked(subject: Subject): Promise<CheckList> {
  const { dir, manifest, before, accept } = subject;
  const definitions = "tables" in subject.definitions ? subject.definitions.tables : undefined;
  const options = { definitions, before, accept };
  const verified =
    manifest === null
      ? await verifyDatabase(join(dir, databaseName), options)
      : await verifyUnpacked(dir, manifest, options);
  const refusal = verified.ok ? null : verified.refusal;
  const rows = verified.ok
    ? Object.entries(verified.inspection.tables).map(([name, table]) => [name, table.rows] as const)
    : [];
  return {
    refusal,
    checks: listed(subject, refusal === null ? undefined : checkOf[refusal.cause]),
    rows: Object.fromEntries(rows),
  };
}

/** The list for what was refused before it was unpacked: by its manifest, its files or its gzip. */
export function refusedEarly(refusal: Refusal): CheckList {
  const isGzip = refusal.cause === "digest-differs" || refusal.cause === "size-differs";
  const failed = isGzip ? "gzip" : checkOf[refusal.cause];
  const checks = checkNames.map((name): Check => {
    if (name === failed) return { name, state: "failed", why: null };
    return { name, state: "not-made", why: `it is refused for its ${failed}` };
  });
  return { refusal, checks, rows: {} };
}

function listed(subject: Subject, failed: CheckName | undefined): Check[] {
  const last = failed === undefined ? checkNames.length : checkNames.indexOf(failed);
  return checkNames.map((name, place): Check => {
    if (name === failed) return { name, state: "failed", why: null };
    if (place > last) return { name, state: "not-made", why: `it is refused for its ${failed}` };
    const why = nothingToCheckBy(name, subject);
    return why === undefined
      ? { name, state: "passed", why: noteOn(name, subject) }
      : { name, state: "not-made", why };
  });
}

function nothingToCheckBy(
  name: CheckName,
  { manifest, packed, definitions, before, accept }: Subject,
): string | undefined {
  if (manifest === null && ["manifest", "digest", "content"].includes(name)) return "it has no manifest";
  if (name === "tls" && manifest === null) return "it has no manifest";
  if (name === "tls" && manifest?.tls.length === 0) return "the snapshot has none";
  if (name === "gzip" && !packed) return "it is not packed";
  if (name === "definitions" && "missing" in definitions) return definitions.missing;
  // Taken through the admin it cannot be the half state of a SAVE, and there is nothing else to see it by.
  if (name === "emptiness" && !accept && before === undefined && manifest?.method === "admin")
    return "there is no snapshot before it";
  return undefined;
}

function noteOn(name: CheckName, { manifest, before, accept, packed }: Subject): string | null {
  if (name === "gzip" && packed && manifest === null) return "by its own checksum: it has no manifest";
  if (name !== "emptiness") return null;
  if (accept) return "accepted";
  if (before !== undefined) return `against ${before.id}`;
  return "in itself: there is no snapshot before it";
}
