import { copyFileSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import Database from "better-sqlite3";
import { onTestFinished } from "vitest";
import type { Lineage } from "../role/lineage.js";
import { contentDigest } from "./content.js";
import { sha256OfFile } from "./hashing.js";
import { inspectDatabase } from "./inspect.js";
import { type Manifest, snapshotId } from "./manifest.js";
import { packDatabase } from "./pack.js";
import { sealed } from "./seal.js";

/** A database that the real ProxySQL has written, such as `2.7.1-shop`. Not to be changed. */
export function fixture(name: string): string {
  return fileURLToPath(new URL(`../../test/fixtures/proxysql/proxysql-${name}.db`, import.meta.url));
}

/** A directory that is gone when the test is over. */
export function scratch(): string {
  const dir = mkdtempSync(join(tmpdir(), "proxysql-carp-"));
  onTestFinished(() => rmSync(dir, { recursive: true, force: true }));
  return dir;
}

/** A copy of a fixture, changed by statements if some are given. */
export function copyOf(name: string, dir: string, ...statements: string[]): string {
  const file = join(dir, `${name}-${Math.random().toString(36).slice(2)}.db`);
  copyFileSync(fixture(name), file);
  const db = new Database(file);
  for (const statement of statements) db.exec(statement);
  db.close();
  return file;
}

/** The manifest that belongs to a database file, sealed with the changes in `more`. */
export async function manifestFor(
  file: string,
  lineage: Lineage,
  more: Partial<Manifest> = {},
): Promise<Manifest> {
  const inspection = await inspectDatabase(file);
  const dir = mkdtempSync(join(tmpdir(), "proxysql-carp-"));
  const packed = await packDatabase(file, join(dir, "packed"));
  rmSync(dir, { recursive: true });
  const tls = more.tls ?? [];
  const { pages, pageSize, shared, definitions } = inspection;
  const tables = Object.entries(inspection.tables).map(([name, { rows, content, definition }]) => {
    return [name, { rows, content, definition }] as const;
  });
  return sealed({
    schema: "proxysql-carp/manifest/v1",
    id: snapshotId(lineage),
    lineage,
    ancestry: [],
    takenAt: "2026-01-02T03:04:05Z",
    method: "admin",
    proxysqlVersion: "2.7.1",
    source: null,
    accepted: {},
    database: { size: pages * pageSize, sha256: await sha256OfFile(file), pages, pageSize },
    packed,
    content: contentDigest(inspection, tls),
    shared,
    definitions,
    tables: Object.fromEntries(tables),
    tls,
    ...more,
  });
}
