import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import { KnownError, sentenceOf, systemCode } from "../platform/errors.js";
import { writeFileDurably } from "../platform/files.js";
import type { Inspection } from "./inspection.js";

const definitionsSchema = z.object({
  /** What `SELECT @@version` said when they were read; null if ProxySQL was down. */
  version: z.string().nullable(),
  /** By table, the SHA-256 of its definition in ProxySQL's own database. */
  tables: z.record(z.string(), z.string().regex(/^[0-9a-f]{64}$/)),
});

/**
 * The definitions that this host's ProxySQL has written itself. It drops a table without a word at its start if the
 * text differs (lib/sqlite3db.cpp, check_table_structure), so a snapshot is held against them.
 */
export type Definitions = z.infer<typeof definitionsSchema>;

/** The definitions of an inspected database of ProxySQL's. */
export function definitionsOf(inspection: Pick<Inspection, "tables">, version: string | null): Definitions {
  const tables = Object.entries(inspection.tables).map(
    ([name, { definition }]) => [name, definition] as const,
  );
  return { version, tables: Object.fromEntries(tables) };
}

/** The definitions kept in the state directory, or undefined before the first were written. */
export async function readDefinitions(stateDir: string): Promise<Definitions | undefined> {
  const path = definitionsPath(stateDir);
  try {
    return definitionsSchema.parse(JSON.parse(await readFile(path, "utf8")));
  } catch (error) {
    if (systemCode(error) === "ENOENT") return undefined;
    throw new KnownError("state-damaged", `${path} cannot be read: ${sentenceOf(error)}`, { path }, error);
  }
}

/** Keeps the definitions durably. World-readable: the receiving side runs as another user, and they hold no data. */
export async function writeDefinitions(stateDir: string, definitions: Definitions): Promise<void> {
  await writeFileDurably(definitionsPath(stateDir), `${JSON.stringify(definitions, null, 2)}\n`, 0o644);
}

function definitionsPath(stateDir: string): string {
  return join(stateDir, "definitions.json");
}
