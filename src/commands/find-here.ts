import type { SnapshotKnowledge } from "../agent/list-snapshots.js";
import type { Config } from "../config/schema.js";
import { isKnown, KnownError } from "../platform/errors.js";
import { printable } from "../platform/printable.js";
import { findNamed, findStored } from "../snapshot/find-stored.js";
import { lineageOfId } from "../snapshot/manifest.js";
import type { Store, StoredSnapshot } from "../snapshot/store.js";
import { askAgent } from "./ask-agent.js";

const answerDeadlineMs = 5_000;
/** As many as a peer lists at most. */
const mostListed = 10_000;

/** `findStored` for a person: what is not on this host, and on a peer, is said to be there. */
export async function findHere(config: Config, store: Store, name: string): Promise<StoredSnapshot> {
  try {
    return await findStored(store, name);
  } catch (error) {
    if (!isKnown(error, "snapshot-missing")) throw error;
    const there = await whoHas(config, name);
    if (there.length === 0) throw error;
    const sentence = `${error.message} It is on ${there.join(" and ")}: look at it there.`;
    throw new KnownError("snapshot-missing", sentence, error.fields, error);
  }
}

/** Names of peers; none if nobody can be asked. */
async function whoHas(config: Config, name: string): Promise<string[]> {
  const answer = await askAgent(config, { op: "list", limit: mostListed }, answerDeadlineMs).catch(
    (error: unknown) => {
      if (isKnown(error)) return undefined;
      throw error;
    },
  );
  if (answer === undefined) return [];
  const { peers } = answer as unknown as SnapshotKnowledge;
  return peers.filter(({ holds }) => isAmong(holds ?? [], name)).map((peer) => printable(peer.name));
}

function isAmong(holds: readonly { readonly id: string }[], name: string): boolean {
  const listed = holds.flatMap(({ id }) => {
    const lineage = lineageOfId(id);
    return lineage === undefined ? [] : [{ id, lineage }];
  });
  try {
    findNamed(listed, name);
    return true;
  } catch (error) {
    if (!isKnown(error)) throw error;
    return false;
  }
}
