import { join } from "node:path";
import type { RestoreResult } from "../agent/restore-snapshot.js";
import { version } from "../agent/version.js";
import { loadConfig } from "../config/load.js";
import type { Config } from "../config/schema.js";
import { monotonic } from "../platform/clock.js";
import { isKnown, KnownError, sentenceOf } from "../platform/errors.js";
import { withScratch } from "../platform/scratch-directory.js";
import { formatLineage } from "../role/lineage.js";
import { openSide, type Side } from "../ship/sides.js";
import { type ConfigurationDiff, diffDatabases } from "../snapshot/diff.js";
import { withoutLocal } from "../snapshot/difference.js";
import { masked } from "../snapshot/secrets.js";
import { openStore, type StoredSnapshot } from "../snapshot/store.js";
import { differingTls } from "../snapshot/tls-difference.js";
import { canAsk, confirm } from "./ask.js";
import { askAgent } from "./ask-agent.js";
import { colours } from "./colour.js";
import { findHere } from "./find-here.js";
import { type RestoreDocument, resultLines, whatWouldBe } from "./format-snapshot-restore.js";
import { printAll } from "./print-all.js";

export interface RestoreOptions {
  readonly dryRun?: boolean;
  readonly yes?: boolean;
  readonly json?: boolean;
  readonly secrets?: boolean;
}

/** Unpacking and verifying a large one. */
const checkDeadlineMs = 120_000;
/** What the agent gives itself beyond two starts of ProxySQL, and some. */
const spareMs = 150_000;

/**
 * `snapshot restore ID`: brings the configuration of an older snapshot back on the active node, and says before what gets
 * lost by it. Exit code 0: it serves, or there is nothing to restore; 1: refused, not confirmed, or not done.
 */
export async function restoreSnapshot(
  configFile: string,
  name: string,
  options: RestoreOptions,
): Promise<number> {
  const began = monotonic();
  const { dryRun = false, yes = false, json = false } = options;
  if (!dryRun && !yes && (json || !canAsk()))
    throw new KnownError(
      "usage",
      "Say --yes to restore without being asked, or --dry-run to see what it would do.",
    );
  const config = loadConfig(configFile);
  const stored = await findHere(config, openStore(config.node.state_dir), name);
  const refused = await refusalOf(config, stored);
  if (refused !== null && !dryRun) throw refused;
  const seen = await compare(config, stored, options.secrets === true);
  const document = (result: RestoreResult | null): RestoreDocument => ({
    schema: "proxysql-carp/restore/v1",
    snapshot: stored.id,
    lineage: { ...stored.lineage, text: formatLineage(stored.lineage) },
    dryRun,
    refused: refused === null ? null : sentenceOf(refused),
    secrets: options.secrets ? "shown" : "masked",
    ...seen,
    result,
    ms: Math.round(monotonic() - began),
  });
  const marks = colours(process.stdout);
  if (!json) await printAll(whatWouldBe(document(null), marks));
  if (dryRun || seen.equal) {
    if (json) await printDocument(document(null));
    return refused === null ? 0 : 1;
  }
  if (!yes && !(await confirm("Restore it?"))) {
    throw new KnownError("not-done", "Nothing was changed.");
  }
  const result = await restore(config, stored);
  if (json) await printDocument(document(result));
  else await printAll(resultLines(document(result), marks));
  return 0;
}

async function printDocument(document: RestoreDocument): Promise<void> {
  await printAll([`${JSON.stringify(document, null, 2)}\n`]);
}

/** Why the agent would not restore it now; null if it would. It verifies it for that, as it does before it restores. */
async function refusalOf(config: Config, { id }: StoredSnapshot): Promise<KnownError | null> {
  try {
    await askAgent(config, { op: "restore", id, dryRun: true }, checkDeadlineMs);
    return null;
  } catch (error) {
    if (isKnown(error, "not-done")) return error;
    throw error;
  }
}

async function restore(config: Config, { id }: StoredSnapshot): Promise<RestoreResult> {
  const most = 2 * config.proxysql.start_timeout + spareMs;
  const answer = await askAgent(config, { op: "restore", id }, most);
  return answer.restore as RestoreResult;
}

type Seen = Pick<RestoreDocument, "against" | "equal" | "tables" | "tls" | "unsaved">;

/** What is served now, against the snapshot. What is each host's own stays, and is not told. */
async function compare(config: Config, stored: StoredSnapshot, secrets: boolean): Promise<Seen> {
  return withScratch(async (dir) => {
    const sources = { config: () => config, version };
    const old = await openSide(stored.dir, join(dir, "old"), sources);
    const disk = await openSide("disk", join(dir, "disk"), sources);
    const live = await liveSide(join(dir, "live"), sources);
    const keepLocal = config.proxysql.keep_local;
    const between = async (a: Side, b: Side): Promise<ConfigurationDiff> => {
      const only = a.only ?? b.only;
      const diff = await diffDatabases(a.database, b.database, {
        ...(only === undefined ? {} : { only }),
        ...(keepLocal === undefined ? {} : { keepLocal }),
      });
      return withoutLocal(secrets ? diff : masked(diff));
    };
    const now = live ?? disk;
    const diff = await between(now, old);
    // A snapshot without TLS files leaves those that are there.
    const tls = old.tls === null || old.tls.length === 0 ? [] : (differingTls(disk.tls, old.tls) ?? []);
    const unsaved = live === undefined ? null : await between(disk, live);
    const saved = diff.equal && live !== undefined ? await between(disk, old) : diff;
    return {
      against: live === undefined ? "disk" : "live",
      equal: diff.equal && saved.equal && tls.length === 0,
      tables: diff.tables,
      tls,
      unsaved: (unsaved?.tables ?? []).map(({ table, added, removed, changed }) => ({
        table,
        rows: added + removed + changed,
      })),
    };
  });
}

/** undefined: ProxySQL is down, and only its disk tells. */
async function liveSide(dir: string, sources: Parameters<typeof openSide>[2]): Promise<Side | undefined> {
  try {
    return await openSide("live", dir, sources);
  } catch (error) {
    if (isKnown(error, "proxysql-unreachable")) return undefined;
    throw error;
  }
}
