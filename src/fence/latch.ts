import { z } from "zod";
import type { ServerKey } from "../orchestrator/types.js";
import { fencedStatus, meantStatus, rowName, type ServerRow, type ServerStatus } from "./rows.js";
import { serverName } from "./server.js";

// Whatever ProxySQL and Orchestrator have is held, so whatever they can have must be readable again: ProxySQL names a
// Unix socket by its path and port 0, and neither of them bounds a name.
const server = z.object({ host: z.string(), port: z.int().min(0).max(65_535) });
const status = z.enum(["ONLINE", "SHUNNED", "OFFLINE_SOFT", "OFFLINE_HARD"]);

/** Why a server is fenced. `peer`: the other node fences it, and this one has not been able to ask for itself yet. */
const cause = z.object({
  kind: z.enum(["downtime", "replaced", "peer"]),
  detail: z.string().max(500),
  successor: server.nullable(),
});

const latchSchema = z.object({
  fences: z.array(z.object({ server, cause, since: z.string() })),
  /** Since when no leader in quorum answers, if everything is held for that; ISO 8601. */
  isolatedSince: z.string().nullable(),
  /** What each row that we hold was before: what an operator means it to be. */
  rows: z.array(server.extend({ hostgroup: z.int(), status })),
  /** Servers that an operator has released although what they were fenced for goes on. */
  pardoned: z.array(server),
  /** Recoveries after which the server that they replaced has been seen as a working replica, or as master again. */
  settled: z.array(server.extend({ recovery: z.string() })).default([]),
});

export type FenceCause = z.infer<typeof cause>;
export type Fence = Readonly<z.infer<typeof latchSchema>["fences"][number]>;

/**
 * What is fenced, and what it was before. Orchestrator forgets (its downtimes of a recovery do not survive its leader),
 * so this does not: it is on disk before ProxySQL is touched, and stays until the fence is off again.
 */
export interface Latch {
  readonly fences: readonly Fence[];
  readonly isolatedSince: string | null;
  readonly rows: readonly ServerRow[];
  readonly pardoned: readonly ServerKey[];
  readonly settled: readonly (ServerKey & { readonly recovery: string })[];
}

export const emptyLatch: Latch = { fences: [], isolatedSince: null, rows: [], pardoned: [], settled: [] };

/** What was kept, or undefined if it is no latch. Nothing kept is an empty one. */
export function readLatch(kept: unknown): Latch | undefined {
  return kept === undefined ? emptyLatch : latchSchema.safeParse(kept).data;
}

/** Nothing is held, and no row is other than it was meant to be. */
export function isIdle(latch: Latch): boolean {
  return latch.fences.length === 0 && latch.isolatedSince === null && latch.rows.length === 0;
}

/** Quick answers about a latch. A configuration can have thousands of rows, looked at every second. */
export interface LatchIndex {
  /** Nothing may be sent to this server now. */
  holds(server: ServerKey): boolean;
  fenceOf(server: ServerKey): Fence | undefined;
  /** True if it is known what this row was before it was held. */
  knows(row: ServerRow): boolean;
  /**
   * What this row would be without us. One that came while its server was held is a copy that ProxySQL's monitor made of
   * a held row, with our status: it is meant to be what that one was.
   */
  meant(row: ServerRow): ServerStatus;
}

export function indexOf({ fences, isolatedSince, rows }: Latch): LatchIndex {
  const byServer = new Map(fences.map((fence) => [serverName(fence.server), fence]));
  const byRow = new Map(rows.map((row) => [rowName(row), row.status]));
  const servers = new Set(rows.map(serverName));
  const online = new Set(rows.filter((row) => row.status === "ONLINE").map(serverName));
  return {
    holds: (server) => isolatedSince !== null || byServer.has(serverName(server)),
    fenceOf: (server) => byServer.get(serverName(server)),
    knows: (row) => byRow.has(rowName(row)),
    meant: (row) => {
      const known = byRow.get(rowName(row));
      if (known !== undefined) return known;
      const isCopy = row.status === fencedStatus && servers.has(serverName(row));
      return isCopy && online.has(serverName(row)) ? "ONLINE" : meantStatus(row);
    },
  };
}
