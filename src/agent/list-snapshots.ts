import type { PeerLink } from "../peer/link.js";
import { sentenceOf } from "../platform/errors.js";
import { compareLineage, type Lineage } from "../role/lineage.js";
import type { AgentContext } from "./context.js";

/** A peer that is up answers in milliseconds; a list is no reason to wait for another one. */
const listDeadlineMs = 2_000;
/** Of one peer: what it can send in one answer, and of ten peers what fits into a line of `agent.sock`. */
const mostOfOne = 8_999;
const mostOfAll = 35_000;

/** What the agent knows of snapshots that the store does not tell. */
export interface SnapshotKnowledge {
  readonly running: Lineage | null;
  /** Ids that ProxySQL has failed on. */
  readonly doubted: readonly string[];
  readonly peers: readonly {
    readonly name: string;
    /** Newest first; null if the peer could not be asked. */
    readonly holds: readonly { readonly id: string; readonly box: string }[] | null;
    readonly cut: boolean;
    readonly error: string | null;
  }[];
}

/** Asks all peers at once for their newest snapshots, at most `limit` of each. One that is away is an answer too. */
export async function knowledgeOfSnapshots(
  { links, state, trial }: Pick<AgentContext, "links" | "state" | "trial">,
  limit: number,
): Promise<SnapshotKnowledge> {
  const most = Math.min(limit, mostOfOne, Math.floor(mostOfAll / Math.max(1, links.size)));
  return {
    running: state.running?.lineage ?? null,
    doubted: trial.doubts().map(({ id }) => id),
    peers: await Promise.all([...links.values()].map((link) => holdingsOf(link, most))),
  };
}

async function holdingsOf(link: PeerLink, most: number): Promise<SnapshotKnowledge["peers"][number]> {
  const { name } = link;
  try {
    // One more than asked for, to know whether there are more.
    const all = (await link.list(listDeadlineMs, most + 1)).sort((a, b) =>
      compareLineage(a.lineage, b.lineage),
    );
    const newest = all.slice(-most).reverse();
    return {
      name,
      holds: newest.map(({ id, box }) => ({ id, box })),
      cut: all.length > newest.length,
      error: null,
    };
  } catch (error) {
    return { name, holds: null, cut: false, error: sentenceOf(error) };
  }
}
