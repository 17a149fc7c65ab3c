import { lstat } from "node:fs/promises";
import { join } from "node:path";
import { systemCode } from "../platform/errors.js";
import { NotPlainFile, openPlain } from "../platform/plain-file.js";
import { type TlsFile, tlsNames } from "./content.js";
import type { Inspection } from "./inspection.js";
import type { Manifest } from "./manifest.js";
import { databaseName } from "./pack.js";
import { type Refusal, refuse } from "./refusal.js";

type Source = NonNullable<Manifest["source"]>;

/**
 * What ProxySQL's files look like to the file system: inode, size, time of the last write, and SQLite's change counter
 * (bytes 24 to 27 of the header), which every transaction raises. Whoever writes to them changes it; a disk or a memory
 * that loses a bit does not. null if there is no database.
 */
export async function markSource(datadir: string): Promise<Source | null> {
  const database = await markOf(join(datadir, databaseName));
  if (database === undefined) return null;
  const tls = await Promise.all(tlsNames.map((name) => markOf(join(datadir, name))));
  const counter = await changeCounter(join(datadir, databaseName));
  return { database: `${database} ${counter}`, tls: tls.map((mark) => mark ?? "-").join(", ") };
}

/** The mark from before and after a copy was made, if it is one and the same. */
export function steadyMark(before: Source | null, after: Source | null): Source | null {
  if (before === null || after === null) return null;
  return before.database === after.database && before.tls === after.tls ? before : null;
}

export interface Copied {
  readonly node: string;
  readonly source: Source | null;
  readonly inspection: Pick<Inspection, "tables">;
  readonly tls: readonly TlsFile[];
}

/**
 * The refusal of a copy that says something else than the snapshot before, although nobody wrote to the files since
 * that was taken: a flipped bit in a host name leaves a sound database, and would go to the peer as a change.
 */
export function damagedInPlace(copied: Copied, before: Manifest | undefined): Refusal | undefined {
  const { source, node, inspection, tls } = copied;
  if (source === null || !before?.source || before.lineage.node !== node) return undefined;
  const unwritten = "was not written to since the snapshot before, and is not the same any more";
  if (source.database === before.source.database) {
    const table = differingTable(inspection.tables, before.tables);
    const save = "If ProxySQL has it right, save it again from there (SAVE ... TO DISK).";
    if (table !== undefined)
      return refuse("content-differs", `${table} ${unwritten}: it is damaged. ${save}`);
  }
  if (source.tls === before.source.tls) {
    const differing = tls.find(({ name, sha256 }) =>
      before.tls.some((file) => file.name === name && file.sha256 !== sha256),
    );
    if (differing)
      return refuse(
        "tls-differs",
        `${differing.name} ${unwritten}: it is damaged. If it is meant to be so, touch it.`,
      );
  }
  return undefined;
}

function differingTable(now: Inspection["tables"], before: Manifest["tables"]): string | undefined {
  const names = new Set([...Object.keys(now), ...Object.keys(before)]);
  return [...names].find((name) => {
    const [has, had] = [now[name], before[name]];
    return has?.content !== had?.content || has?.definition !== had?.definition;
  });
}

async function markOf(path: string): Promise<string | undefined> {
  const facts = await lstat(path, { bigint: true }).catch((error: unknown) => {
    if (systemCode(error) === "ENOENT") return undefined;
    throw error;
  });
  return facts && `${facts.ino} ${facts.size} ${facts.mtimeNs}`;
}

async function changeCounter(path: string): Promise<number> {
  try {
    const handle = await openPlain(path);
    try {
      const { buffer } = await handle.read(Buffer.alloc(4), 0, 4, 24);
      return buffer.readUInt32BE();
    } finally {
      await handle.close();
    }
  } catch (error) {
    // Gone in this very moment, or nothing that a snapshot can be taken of: whoever takes it says so.
    if (error instanceof NotPlainFile || systemCode(error) === "ENOENT") return 0;
    throw error;
  }
}
