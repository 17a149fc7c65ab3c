import type { SnapshotKnowledge } from "../agent/list-snapshots.js";
import { loadConfig } from "../config/load.js";
import type { Config } from "../config/schema.js";
import { wallClock } from "../platform/clock.js";
import { isKnown, KnownError, sentenceOf } from "../platform/errors.js";
import { formatLineage, type Lineage } from "../role/lineage.js";
import { lineageOfId } from "../snapshot/manifest.js";
import { readManifest } from "../snapshot/manifest-file.js";
import { refusalOf } from "../snapshot/refusal.js";
import { type PeerHoldings, type SideBySide, sideBySide } from "../snapshot/side-by-side.js";
import { openStore, type StoredSnapshot } from "../snapshot/store.js";
import { askAgent } from "./ask-agent.js";
import { colours } from "./colour.js";
import { formatList, type ListDocument, type ListedRow } from "./format-snapshot-list.js";
import { printAll } from "./print-all.js";

export interface ListOptions {
  readonly limit?: string;
  readonly all?: boolean;
  readonly json?: boolean;
}

const usualLimit = 20;
const largestLimit = 100_000;
const answerDeadlineMs = 5_000;
/** Manifests read at a time. */
const readAtOnce = 32;

/**
 * `snapshot list`: what this host and its peers hold, side by side, newest first. Reads the manifests of what it prints
 * and no others. Without an agent, or with a peer that does not answer, it tells what is here, and exits with 0.
 */
export async function listSnapshots(configFile: string, options: ListOptions): Promise<number> {
  const config = loadConfig(configFile);
  const limit = options.all ? largestLimit : limitOf(options.limit);
  const [known, stored] = await Promise.all([
    knowledge(config, limit),
    openStore(config.node.state_dir).list(),
  ]);
  const peers = known.peers.map(holdingsOf);
  const { rows, older } = sideBySide(stored, peers, limit);
  const document: ListDocument = {
    schema: "proxysql-carp/snapshots/v1",
    at: new Date(wallClock()).toISOString(),
    node: config.node.name,
    agent: known.agent,
    running: known.running === null ? null : formatLineage(known.running),
    peers: peers.map(({ name, error, cut, holds }) => ({ name, listed: holds?.length ?? null, cut, error })),
    here: stored.length,
    snapshots: await described(rows, known, newestVerified(stored, known.doubted)),
    older,
  };
  await printAll(
    options.json
      ? [`${JSON.stringify(document, null, 2)}\n`]
      : [formatList(document, colours(process.stdout))],
  );
  return 0;
}

function limitOf(text: string | undefined): number {
  if (text === undefined) return usualLimit;
  const limit = /^\d{1,6}$/.test(text) ? Number(text) : 0;
  if (limit >= 1 && limit <= largestLimit) return limit;
  throw new KnownError("usage", `--limit: expected a number from 1 to ${largestLimit}, found "${text}".`);
}

/** All that only the agent can say. `agent` tells why it says nothing; null if it did. */
type Known = SnapshotKnowledge & { readonly agent: string | null };

async function knowledge(config: Config, limit: number): Promise<Known> {
  try {
    const answer = await askAgent(config, { op: "list", limit }, answerDeadlineMs);
    return { ...(answer as unknown as SnapshotKnowledge), agent: null };
  } catch (error) {
    if (!isKnown(error, "agent-unreachable") && !isKnown(error, "not-done")) throw error;
    const peers = config.peer.map(({ name }) => ({ name, holds: null, cut: false, error: null }));
    return { running: null, doubted: [], peers, agent: sentenceOf(error) };
  }
}

function holdingsOf({ name, holds, cut, error }: SnapshotKnowledge["peers"][number]): PeerHoldings {
  const read = holds?.flatMap(({ id, box }): NonNullable<PeerHoldings["holds"]>[number][] => {
    const lineage = lineageOfId(id);
    return lineage === undefined || (box !== "inbox" && box !== "outbox") ? [] : [{ id, lineage, box }];
  });
  return { name, holds: read ?? null, cut, error };
}

/** All that is in a box was verified when it came there: the greatest that ProxySQL has not failed on would be used. */
function newestVerified(stored: readonly StoredSnapshot[], doubted: readonly string[]): string | undefined {
  return stored.findLast(({ id }) => !doubted.includes(id))?.id;
}

async function described(
  rows: readonly SideBySide[],
  known: Known,
  newest: string | undefined,
): Promise<ListedRow[]> {
  const result: ListedRow[] = [];
  for (let from = 0; from < rows.length; from += readAtOnce) {
    const some = rows.slice(from, from + readAtOnce);
    result.push(
      ...(await Promise.all(
        some.map(async (row) => ({
          id: row.id,
          lineage: { ...row.lineage, text: formatLineage(row.lineage) },
          node: row.lineage.node,
          ...(await readFacts(row.stored)),
          here: row.stored?.box ?? ("none" as const),
          peers: Object.fromEntries(
            known.peers.map(({ name }, place) => [name, row.peers[place] ?? "unknown"]),
          ),
          running: known.running !== null && isSame(row.lineage, known.running),
          doubted: known.doubted.includes(row.id),
          newest: row.id === newest,
        })),
      )),
    );
  }
  return result;
}

const nothingKnown = { takenAt: null, bytes: null, databaseBytes: null, restoredFrom: null, damaged: null };

/** One that nobody can read is listed all the same: that it is damaged is what there is to say of it. */
async function readFacts(stored: StoredSnapshot | null): Promise<Pick<ListedRow, keyof typeof nothingKnown>> {
  if (stored === null) return nothingKnown;
  try {
    const { takenAt, packed, database, restoredFrom = null } = await readManifest(stored.dir);
    return { takenAt, bytes: packed.size, databaseBytes: database.size, restoredFrom, damaged: null };
  } catch (error) {
    if (!isKnown(error)) throw error;
    return { ...nothingKnown, damaged: refusalOf(error)?.cause ?? error.code };
  }
}

function isSame(one: Lineage, other: Lineage): boolean {
  return one.epoch === other.epoch && one.sequence === other.sequence && one.node === other.node;
}
