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
  /** null if it is not here. */
  readonly stored: StoredSnapshot | null;
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
  const theirs = peers.map(({ holds }) => new Map((holds ?? []).map((one) => [one.id, one])));
  const here = new Set(stored.map(({ id }) => id));
  const elsewhere = new Map(
    theirs.flatMap((holds) =>
      [...holds.values()].filter(({ id }) => !here.has(id)).map((one) => [one.id, one]),
    ),
  );
  // No other of ours can be among the newest.
  const ours = stored.slice(-limit).map((one) => ({ id: one.id, lineage: one.lineage, stored: one }));
  const others = [...elsewhere.values()].map(({ id, lineage }) => ({ id, lineage, stored: null }));
  const rows = [...ours, ...others]
    .sort((a, b) => compareLineage(b.lineage, a.lineage) || (a.id < b.id ? -1 : 1))
    .slice(0, limit)
    .map((row) => ({
      ...row,
      peers: peers.map((peer, place) => theirs[place]?.get(row.id)?.box ?? absent(peer, row.lineage)),
    }));
  return { rows, older: stored.length + elsewhere.size - rows.length };
}

/** What a peer did not list it does not have, unless it did not list everything. */
function absent({ holds, cut }: PeerHoldings, lineage: Lineage): Place {
  if (holds === null) return "unknown";
  const last = holds.at(-1);
  const beyond = last === undefined || compareLineage(lineage, last.lineage) < 0;
  return cut && beyond ? "unknown" : "none";
}
