import { z } from "zod";
import { KnownError } from "../platform/errors.js";
import { manifestSchema } from "../snapshot/manifest.js";

/** What a peer tells about itself. Comes also when only its sshd runs: then `agent` is "down". */
const statusSchema = z.object({
  node: z.string(),
  version: z.string(),
  agent: z.enum(["up", "down"]),
  /** What its agent says of itself, as it said it; null without one. */
  report: z.record(z.string(), z.unknown()).nullable(),
  /** The greatest snapshot it has, of its own or received. */
  latest: manifestSchema.shape.lineage.nullable(),
  freeBytes: z.number().nonnegative(),
  /** Its wall clock, ms since 1970. */
  now: z.number(),
});

export type PeerStatus = z.infer<typeof statusSchema>;

/** A status as a peer sent it; `peer-protocol` if it is none. Fields we do not know are left out. */
export function readPeerStatus(value: unknown, peer: string): PeerStatus {
  const parsed = statusSchema.safeParse(value);
  if (parsed.success) return parsed.data;
  throw new KnownError(
    "peer-protocol",
    `Peer "${peer}" sent a status we cannot read: ${z.prettifyError(parsed.error)}`,
    { peer },
  );
}
