import { z } from "zod";
import type { Lineage } from "../role/lineage.js";

/** Ten digits have room for a failover a second over three hundred years; beyond them a name would not sort. */
const counter = z.number().int().nonnegative().max(9_999_999_999);

const lineage = z.object({
  epoch: counter,
  sequence: counter,
  node: z.string().regex(/^[A-Za-z0-9][A-Za-z0-9_-]{0,62}$/),
});

const digest = z.string().regex(/^[0-9a-f]{64}$/);

/**
 * What is written beside every snapshot. All digests are SHA-256 in hexadecimal and describe the files as they are
 * unpacked, not the gzip around them.
 */
export const manifestSchema = z.object({
  schema: z.literal("proxysql-carp/manifest/v1"),
  id: z.string(),
  lineage,
  /** The epochs that led here, newest first. See `EpochOpening`. */
  ancestry: z
    .array(
      z.object({
        epoch: counter,
        node: z.string(),
        base: lineage.nullable(),
        baseContent: digest.nullable(),
      }),
    )
    .max(32),
  takenAt: z.iso.datetime(),
  /** `admin`: by `VACUUM INTO` through ProxySQL; `file`: by SQLite's online backup with ProxySQL down. */
  method: z.enum(["admin", "file"]),
  proxysqlVersion: z.string().nullable(),
  database: z.object({
    size: z.number().int().positive(),
    sha256: digest,
    pages: z.number().int().positive(),
    pageSize: z.number().int().positive(),
  }),
  /** Digest over every row of every table and the TLS files: equal means nothing to ship. */
  content: digest,
  /** The same without what belongs to one host (listeners, ids, the peers' list): comparable between nodes. */
  shared: digest,
  /** Digest over the sorted (name, definition) pairs of all tables. */
  definitions: digest,
  tables: z.record(
    z.string(),
    z.object({ rows: z.number().int().nonnegative(), content: digest, definition: digest }),
  ),
  tls: z.array(
    z.object({
      name: z.enum(["proxysql-key.pem", "proxysql-cert.pem", "proxysql-ca.pem"]),
      size: z.number().int().positive(),
      sha256: digest,
    }),
  ),
});

export type Manifest = z.infer<typeof manifestSchema>;

/** The directory name of a snapshot: sorts as lineages do. */
export function snapshotId({ epoch, sequence, node }: Lineage): string {
  return `${String(epoch).padStart(10, "0")}-${String(sequence).padStart(10, "0")}-${node}`;
}

/** The lineage that a directory name tells, or undefined if it is no snapshot's name. */
export function lineageOfId(id: string): Lineage | undefined {
  const match = /^(\d{10})-(\d{10})-([A-Za-z0-9][A-Za-z0-9_-]{0,62})$/.exec(id);
  if (!match) return undefined;
  return { epoch: Number(match[1]), sequence: Number(match[2]), node: match[3] as string };
}
