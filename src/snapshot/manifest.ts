import { z } from "zod";
import type { Lineage } from "../role/lineage.js";

/** Ten digits have room for a failover a second over three hundred years; beyond them a name would not sort. */
const counter = z.number().int().nonnegative().max(9_999_999_999);

/** Bytes. A key, a certificate or a chain is a few kilobytes. */
export const tlsSizeLimit = 1024 * 1024;

const nodeName = z.string().regex(/^[A-Za-z0-9][A-Za-z0-9_-]{0,62}$/);

/** `<epoch>-<sequence>-<node>`, see `snapshotId`. */
const snapshotName = /^(\d{10})-(\d{10})-([A-Za-z0-9][A-Za-z0-9_-]{0,62})$/;

const lineage = z.object({ epoch: counter, sequence: counter, node: nodeName });

const digest = z.string().regex(/^[0-9a-f]{64}$/);
const count = z.number().int().nonnegative();

/**
 * Bytes. Nobody's ProxySQL is configured with gigabytes, and no verdict on more would come before its deadline: a
 * manifest that claims so asks for a disk to be filled.
 */
const fileSize = z
  .number()
  .int()
  .positive()
  .max(4 * 1024 ** 3);

/**
 * What is written beside every snapshot. All digests are SHA-256 in hexadecimal and, but for `packed`, describe the
 * files as they are unpacked, not the gzip around them.
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
        node: nodeName,
        base: lineage.nullable(),
        baseContent: digest.nullable(),
      }),
    )
    .max(32),
  takenAt: z.iso.datetime(),
  /** `admin`: by `VACUUM INTO` through ProxySQL; `file`: by SQLite's online backup with ProxySQL down. */
  method: z.enum(["admin", "file"]),
  proxysqlVersion: z.string().max(200).nullable(),
  /**
   * What the files that it was taken from looked like to the file system: short texts, for the node that took it alone
   * to compare. null if somebody wrote to them meanwhile.
   */
  source: z.object({ database: z.string().max(200), tls: z.string().max(1_000) }).nullable(),
  /**
   * By table, the rows that an operator accepted to be gone: a receiver must not call that suspicious again. Stays in
   * the snapshots after it for as long as the table is as empty.
   */
  accepted: z.record(z.string(), count),
  /** An operator brought the content of this older snapshot back: its id. Every other snapshot lacks the field. */
  restoredFrom: z.string().regex(snapshotName).optional(),
  database: z.object({
    size: fileSize,
    sha256: digest,
    pages: z.number().int().positive(),
    pageSize: z.number().int().positive(),
  }),
  /** The database as it is stored and sent, in gzip. */
  packed: z.object({ size: fileSize, sha256: digest }),
  /** Digest over every row of every table and the TLS files: equal means nothing to ship. */
  content: digest,
  /** The same without what belongs to one host (listeners, ids, the peers' list): comparable between nodes. */
  shared: digest,
  /** Digest over the sorted (name, definition) pairs of all tables. */
  definitions: digest,
  tables: z.record(z.string(), z.object({ rows: count, content: digest, definition: digest })),
  tls: z
    .array(
      z.object({
        name: z.enum(["proxysql-key.pem", "proxysql-cert.pem", "proxysql-ca.pem"]),
        size: z.number().int().positive().max(tlsSizeLimit),
        sha256: digest,
      }),
    )
    .max(3),
  /** Digest over all the rest of the manifest, see `sealOf`: damage to it shows whichever field it hits. */
  seal: digest,
});

export type Manifest = z.infer<typeof manifestSchema>;

/** The directory name of a snapshot: sorts as lineages do. */
export function snapshotId({ epoch, sequence, node }: Lineage): string {
  return `${String(epoch).padStart(10, "0")}-${String(sequence).padStart(10, "0")}-${node}`;
}

/** The lineage that a directory name tells, or undefined if it is no snapshot's name. */
export function lineageOfId(id: string): Lineage | undefined {
  const match = snapshotName.exec(id);
  if (!match) return undefined;
  return { epoch: Number(match[1]), sequence: Number(match[2]), node: match[3] as string };
}
