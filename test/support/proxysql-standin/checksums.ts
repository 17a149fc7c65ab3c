import { createHash } from "node:crypto";
import type { SqlValue } from "./layers.js";

/** What ProxySQL shows for a module without content. */
export const EMPTY_CHECKSUM = "0x0000000000000000";

/** A line of `runtime_checksums_values`; `epoch` is in seconds since 1970. */
export interface ChecksumLine {
  version: number;
  epoch: number;
  checksum: string;
}

/**
 * 64 bits over rows, equal for equal content. Not ProxySQL's SpookyHash: nothing may depend on the value itself, only
 * on whether it changed.
 */
export function checksumOf(tables: readonly (readonly SqlValue[][])[]): string {
  if (tables.every((rows) => rows.length === 0)) return EMPTY_CHECKSUM;
  const hash = createHash("sha256");
  for (const rows of tables) {
    for (const row of rows)
      hash.update(`${JSON.stringify(row.map((value) => (value === null ? null : String(value))))}\n`);
    hash.update("\f");
  }
  return `0x${hash.digest("hex").slice(0, 16).toUpperCase()}`;
}
