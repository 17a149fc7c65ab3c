import type { ServerKey } from "../orchestrator/types.js";
import { type Fence, indexOf, type Latch } from "./latch.js";
import type { ServerRow } from "./rows.js";
import { serverName } from "./server.js";

/** All of both; of one server the latter's. */
export function unionOf(some: readonly Fence[], others: readonly Fence[]): Fence[] {
  const all = new Map([...some, ...others].map((fence) => [serverName(fence.server), fence]));
  return [...all.values()];
}

/** What another node fences, and how this one sees it. */
export interface PeerFencing {
  readonly of: string;
  readonly servers: readonly ServerKey[];
  /** By this node's own view there is nothing against the server: the peer's word may be some seconds old. */
  readonly isWell: (server: ServerKey) => boolean;
  /** ISO 8601. */
  readonly now: string;
}

/** The latch with what a peer fences, and without what it fenced and does not any more. The same one if nothing changes. */
export function adopted(latch: Latch, { of, servers, isWell, now }: PeerFencing): Latch {
  const cause = { kind: "peer", detail: `fenced by ${of}`, successor: null } as const;
  const index = indexOf(latch);
  const told = new Set(servers.map(serverName));
  const pardoned = new Set(latch.pardoned.map(serverName));
  const isOver = ({ server, cause: was }: Fence): boolean =>
    was.kind === "peer" && was.detail === cause.detail && !told.has(serverName(server));
  const news = servers.filter(
    (server) => !index.fenceOf(server) && !pardoned.has(serverName(server)) && !isWell(server),
  );
  if (news.length === 0 && !latch.fences.some(isOver)) return latch;
  const fences = [
    ...latch.fences.filter((fence) => !isOver(fence)),
    ...news.map((server) => ({ server: { ...server }, cause, since: now })),
  ];
  return { ...latch, fences };
}

/**
 * The latch with these pardoned, each once. What was said before a fence was set says nothing of that: it may be for the
 * next cause. `saidAt`: ms since 1970.
 */
export function pardonedBy(latch: Latch, servers: readonly ServerKey[], saidAt: number): Latch {
  const index = indexOf(latch);
  const known = new Set(latch.pardoned.map(serverName));
  const news = servers.filter(
    (server) => !known.has(serverName(server)) && Date.parse(index.fenceOf(server)?.since ?? "") <= saidAt,
  );
  if (news.length === 0) return latch;
  return { ...latch, pardoned: [...latch.pardoned, ...news.map((one) => ({ ...one }))] };
}

/** The latch with all that another one holds. */
export function takenOver(latch: Latch, other: Latch): Latch {
  const index = indexOf(latch);
  return {
    ...latch,
    fences: unionOf(other.fences, latch.fences),
    isolatedSince: latch.isolatedSince ?? other.isolatedSince,
    rows: [...latch.rows, ...other.rows.filter((row) => !index.knows(row))],
  };
}

/** The latch with what these rows are meant to be. `keepsKnown`: a row that is known already keeps what it was. */
export function rebased(latch: Latch, held: readonly ServerRow[], keepsKnown: boolean): Latch {
  const index = indexOf(latch);
  const rows = keepsKnown ? held.filter((row) => !index.knows(row)) : held;
  if (rows.length === 0) return latch;
  const named = new Set(keepsKnown ? [] : rows.map(serverName));
  return { ...latch, rows: [...latch.rows.filter((row) => !named.has(serverName(row))), ...rows] };
}
