import { loadConfig } from "../config/load.js";
import type { Config } from "../config/schema.js";
import { monotonic } from "../platform/clock.js";
import { isKnown } from "../platform/errors.js";
import { withScratch } from "../platform/scratch-directory.js";
import { formatLineage } from "../role/lineage.js";
import { type CheckList, checkUnpacked, refusedEarly } from "../snapshot/check-list.js";
import { readDefinitions } from "../snapshot/definitions.js";
import type { Manifest } from "../snapshot/manifest.js";
import { refusalOf } from "../snapshot/refusal.js";
import { openStore, type Store, type StoredSnapshot } from "../snapshot/store.js";
import { askAgent } from "./ask-agent.js";
import { colours } from "./colour.js";
import { findHere } from "./find-here.js";
import { formatSnapshot, type ShownDocument } from "./format-snapshot.js";

const answerDeadlineMs = 5_000;

/**
 * `snapshot show ID`: what a snapshot's manifest says, in words, and whether all its checks pass now. Exit code 0, or 1 if
 * it is refused: then the cause is on standard output.
 */
export async function showSnapshot(
  configFile: string,
  name: string,
  { json }: { json?: boolean },
): Promise<number> {
  const began = monotonic();
  const config = loadConfig(configFile);
  const store = openStore(config.node.state_dir);
  const stored = await findHere(config, store, name);
  const manifest = await store.manifest(stored.id).catch((error: unknown) => {
    if (refusalOf(error) === undefined) throw error;
    return undefined;
  });
  const { refusal } = await withScratch((dir) => verify(store, config, stored.id, dir));
  const document: ShownDocument = {
    schema: "proxysql-carp/snapshot/v1",
    ...whatItIs(stored),
    manifest: manifest === undefined ? null : factsOf(manifest),
    verified: refusal === null,
    refusal,
    runs: await runs(config, stored),
    ms: Math.round(monotonic() - began),
  };
  process.stdout.write(
    json ? `${JSON.stringify(document, null, 2)}\n` : formatSnapshot(document, colours(process.stdout)),
  );
  return refusal === null ? 0 : 1;
}

function whatItIs({
  id,
  lineage,
  box,
  dir,
}: StoredSnapshot): Pick<ShownDocument, "id" | "lineage" | "box" | "dir"> {
  return { id, lineage: { ...lineage, text: formatLineage(lineage) }, box, dir };
}

/** All checks, as before an install: whether it is suspiciously empty was asked when it came here. */
async function verify(store: Store, config: Config, id: string, dir: string): Promise<CheckList> {
  try {
    const manifest = await store.unpack(id, dir);
    const definitions = (await readDefinitions(config.node.state_dir)) ?? {
      missing: "the agent has told none",
    };
    return await checkUnpacked({ dir, manifest, packed: true, definitions, before: undefined, accept: true });
  } catch (error) {
    const refusal = refusalOf(error);
    if (refusal === undefined) throw error;
    return refusedEarly(refusal);
  }
}

function factsOf(manifest: Manifest): NonNullable<ShownDocument["manifest"]> {
  const { takenAt, method, proxysqlVersion, database, packed, ancestry, accepted, tables, tls } = manifest;
  return {
    takenAt,
    method,
    proxysqlVersion,
    bytes: packed.size,
    databaseBytes: database.size,
    ancestry: ancestry.map(({ epoch, node, base }) => ({
      epoch,
      node,
      base: base === null ? null : formatLineage(base),
    })),
    restoredFrom: manifest.restoredFrom ?? null,
    accepted,
    rows: Object.fromEntries(Object.entries(tables).map(([table, { rows }]) => [table, rows])),
    tls: tls.map(({ name, size, sha256 }) => ({ name, size, sha256 })),
    content: manifest.content,
  };
}

/** Whether ProxySQL here holds it; null if no agent tells. */
async function runs(config: Config, { lineage }: StoredSnapshot): Promise<boolean | null> {
  try {
    const { running } = await askAgent(config, { op: "list", limit: 1 }, answerDeadlineMs);
    if (running === null) return false;
    return formatLineage(running as StoredSnapshot["lineage"]) === formatLineage(lineage);
  } catch (error) {
    if (isKnown(error, "agent-unreachable") || isKnown(error, "not-done")) return null;
    throw error;
  }
}
