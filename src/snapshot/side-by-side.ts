import { compareLineage, type Lineage } from "../role/lineage.js";
import type { Box, StoredSnapshot } from "./store.js";

/** What a peer has, newest first, or why that is not known. */
export interface PeerHoldings {
  readonly name: string;
  /** null: it could not be asked; `error` tells. */
  readonly holds: readonly { readonly id: string; readonly lineage: Lineage; readonly box: Box }[] | null;
  /** It has older ones that it did not list. */
  readonly cut: boolean;
  readonly error: string | null;
}

/** Where a snapshot is: in a box, nowhere, or it is not known. */
export type Place = Box | "none" | "unknown";

/** One snapshot of any node of the pair. */
export interface SideBySide {
  readonly id: string;
  readonly lineage: Lineage;
  readonly here: Place;
  /** By peer, in their order. */
  readonly peers: readonly Place[];
}

/**
 * The newest `limit` snapshots of this host (`stored`, lowest lineage first) and its peers, each once, newest first, and
 * how many older ones are known of. Pure; reads no manifest, so that ten thousand of them cost nothing.
 */
export function sideBySide(
  stored: readonly StoredSnapshot[],
  peers: readonly PeerHoldings[],
  limit: number,
): { readonly rows: SideBySide[]; readonly older: number } {
  const here = new Map(stored.map((one) => [one.id, one]));
  const theirs = peers.map(({ holds }) => new Map((holds ?? []).map((one) => [one.id, one])));
  const all = new Map<string, Lineage>();
  for (const { id, lineage } of [...stored, ...peers.flatMap(({ holds }) => holds ?? [])])
    all.set(id, lineage);
  const sorted = [...all].sort(([x, a], [y, b]) => compareLineage(b, a) || (x < y ? -1 : 1));
  const rows = sorted.slice(0, limit).map(([id, lineage]) => ({
    id,
    lineage,
    here: here.get(id)?.box ?? ("none" as const),
    peers: peers.map((peer, place) => theirs[place]?.get(id)?.box ?? absent(peer, lineage)),
  }));
  return { rows, older: sorted.length - rows.length };
}

/** What a peer did not list it does not have, unless it did not list everything. */
function absent({ holds, cut }: PeerHoldings, lineage: Lineage): Place {
  if (holds === null) return "unknown";
  const last = holds.at(-1);
  const beyond = last === undefined || compareLineage(lineage, last.lineage) < 0;
  return cut && beyond ? "unknown" : "none";
}
