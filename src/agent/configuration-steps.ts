import { join } from "node:path";
import { errorFields } from "../platform/background.js";
import { isKnown, KnownError, sentenceOf } from "../platform/errors.js";
import { exists } from "../platform/files.js";
import { modules } from "../proxysql/modules.js";
import { formatLineage, type Ranked } from "../role/lineage.js";
import { changeMark } from "../ship/change-watch.js";
import { fetchInto } from "../ship/fetch.js";
import { applyPlanned } from "../snapshot/apply.js";
import { readDefinitions } from "../snapshot/definitions.js";
import { copyFileSet } from "../snapshot/file-set.js";
import { installDatabase } from "../snapshot/install.js";
import { type KeepLocal, parseKeepLocal } from "../snapshot/keep-local.js";
import { type Manifest, snapshotId } from "../snapshot/manifest.js";
import { databaseName } from "../snapshot/pack.js";
import { refusalError, refusalOf } from "../snapshot/refusal.js";
import { replaceTls } from "../snapshot/replace-tls.js";
import { verifyUnpacked } from "../snapshot/verify.js";
import type { AgentContext } from "./context.js";
import { keepEdited } from "./keep-edited.js";

/** A snapshot of some hundred kilobytes takes milliseconds; a large one on a slow line must not hold a promotion for long. */
const fetchDeadlineMs = 10_000;

/** Gets a peer's snapshot into our inbox, verified. If that fails the offer is dismissed and the plan goes on without. */
export async function fetchSnapshot(node: AgentContext, peer: string, ranked: Ranked): Promise<string> {
  const id = snapshotId(ranked.lineage);
  const link = node.links.get(peer);
  if (!link) throw new KnownError("peer-unreachable", `There is no peer ${peer}.`);
  try {
    await fetchInto(
      { store: node.store, staging: node.staging, stateDir: node.config.node.state_dir },
      link,
      id,
      fetchDeadlineMs,
    );
    return `${formatLineage(ranked.lineage)} from ${peer}`;
  } catch (error) {
    node.board.dismiss(peer, ranked.lineage);
    throw error;
  }
}

/** With ProxySQL down: puts the snapshot into the data directory, keeping what was there. */
export function installSnapshot(node: AgentContext, ranked: Ranked, reportLoss: boolean): Promise<string> {
  const { config, kept, state, journal, keepLocal, installed, log, trial } = node;
  const work = node.configLock.run(() =>
    withUnpacked(node, ranked, async (dir, manifest) => {
      noteLoss(node, ranked, reportLoss);
      const keepDir = holdsWhatWeKnow(node) ? null : kept;
      node.fencing?.lay(dir);
      trial.begin(ranked, state.running);
      const { kept: replaced, warnings } = await installDatabase({
        unpackedDir: dir,
        datadir: config.proxysql.datadir,
        owner: await node.proxysqlOwner(),
        keepDir,
        keepLocal,
      });
      for (const warning of warnings) log.warn({ warning }, "an install needs a look");
      if (replaced === null)
        log.warn({}, "there was no database: this host's own settings are the snapshot's now");
      else if (keepDir !== null) trial.keptAt(replaced);
      state.holds(manifest, changeMark(config.proxysql.datadir));
      installed.rows = expectedRows(manifest, keepLocal);
      journal.addSnapshot({ snapshot: manifest.id, event: "installed" });
      return formatLineage(ranked.lineage);
    }),
  );
  return work.catch(failPlacing(node));
}

/** Trouble of our own (no room, no permission) that keeps any configuration from being put in place. */
function failPlacing({ care, log }: AgentContext): (error: unknown) => never {
  return (error) => {
    if (refusalOf(error) === undefined && care.notePlaceFailed()) {
      log.error(
        errorFields(error),
        "no configuration can be put in place: a MASTER's ProxySQL must do with what it has",
      );
    }
    throw error;
  };
}

/** True if nobody wrote to ProxySQL's database since it held what `running` says: then that snapshot is a copy of it. */
function holdsWhatWeKnow({ state, config }: AgentContext): boolean {
  return state.running !== null && changeMark(config.proxysql.datadir) === state.mark;
}

/** With ProxySQL running: brings its tables to the snapshot through the admin, and reads them back. */
export function applySnapshot(node: AgentContext, ranked: Ranked, reportLoss: boolean): Promise<string> {
  const { admin, state, journal, keepLocal, config, trial, installed } = node;
  const work = node.configLock.run(() =>
    withUnpacked(node, ranked, async (dir, manifest) => {
      noteLoss(node, ranked, reportLoss);
      const edited = await keepEdited(node);
      node.fencing?.lay(dir);
      await node.staging.hand(dir);
      trial.begin(ranked, state.running);
      if (edited !== undefined) trial.keptAt(edited);
      const result = await applyPlanned(admin, join(dir, "proxysql.db"), keepLocal).catch(failTrial(node));
      const tls = await replaceTls(dir, config.proxysql.datadir, await node.proxysqlOwner());
      if (tls.length > 0) await admin.exec("PROXYSQL RELOAD TLS");
      const changed = [...result.changedModules, ...(tls.length > 0 ? ["TLS files"] : [])].join(", ");
      state.holds(manifest, changeMark(config.proxysql.datadir));
      installed.rows = expectedRows(manifest, keepLocal);
      journal.addSnapshot({
        snapshot: manifest.id,
        event: "installed",
        detail: changed,
      });
      return `${formatLineage(ranked.lineage)}: ${changed || "nothing differed"}`;
    }),
  );
  return work.catch(failPlacing(node));
}

/** A ProxySQL that dies on a snapshot or does not take it has failed on it; trouble of our own is not its fault. */
function failTrial({ trial, care }: AgentContext): (error: unknown) => never {
  return (error) => {
    const blames = ["proxysql-unreachable", "proxysql-statement", "proxysql-unproven", "deadline"] as const;
    if (blames.some((code) => isKnown(error, code))) {
      care.noteUnproven();
      trial.failed(sentenceOf(error));
    }
    throw error;
  };
}

/** ProxySQL failed on what was put in place: it is passed over, and what was here before counts again. */
export async function rejectSnapshot(node: AgentContext, ranked: Ranked): Promise<string> {
  const { trial, state, care, journal, log, installed } = node;
  const why = trial.current?.why ?? "it was not proven";
  const before = trial.current?.before ?? null;
  // First what we hold: cut off in between, the trial is still there and is rejected again.
  // While we lead a snapshot may have been taken since it was begun: that one counts, and its number is not used twice.
  if (!trial.isStale(state.running)) state.fallBackTo(before);
  trial.reject();
  installed.rows = {};
  care.startAfresh();
  const [snapshot, fallsBackTo] = [snapshotId(ranked.lineage), before && formatLineage(before.lineage)];
  journal.addNote("snapshot-doubted", { snapshot, why, fallsBackTo });
  log.error(
    { snapshot, why, fallsBackTo },
    "ProxySQL does not live with a verified snapshot: it is passed over",
  );
  return `${formatLineage(ranked.lineage)}: ${why}`;
}

/** Puts the files back that were here before a snapshot that did not work out. ProxySQL must be stopped. */
export function putBack(node: AgentContext): Promise<string> {
  const { trial, config, keepLocal, log } = node;
  const work = node.configLock.run(async () => {
    const kept = trial.displaced?.kept ?? null;
    if (kept === null) return "nothing was kept";
    const dir = await node.staging.make();
    try {
      await copyFileSet(kept, dir);
      node.fencing?.lay(dir);
      const { datadir } = config.proxysql;
      const owner = await node.proxysqlOwner();
      const { warnings } = await installDatabase({
        unpackedDir: dir,
        datadir,
        owner,
        keepDir: null,
        keepLocal,
      });
      for (const warning of warnings) log.warn({ warning }, "an install needs a look");
      trial.putBack();
      return kept;
    } finally {
      await node.staging.remove(dir);
    }
  });
  return work.catch(failPlacing(node));
}

/**
 * With ProxySQL down: puts the fences into the database that it is about to be started with, if they are not in it. Its client port
 * opens half a second before its admin, and for that long a dead primary that came back would be used.
 */
export function fenceBeforeStart(node: AgentContext): Promise<void> {
  const { fencing, config } = node;
  const { datadir } = config.proxysql;
  if (fencing === null || !fencing.mayHold) return Promise.resolve();
  return node.configLock.run(async () => {
    const dir = await node.staging.make();
    try {
      await copyFileSet(datadir, dir);
      if (!(await exists(join(dir, databaseName))) || !fencing.lay(dir)) return;
      const owner = await node.proxysqlOwner();
      // All of it is this host's own already: to keep what is there would take the fences out again.
      const keepLocal = parseKeepLocal([]);
      await installDatabase({ unpackedDir: dir, datadir, owner, keepDir: null, keepLocal });
    } finally {
      await node.staging.remove(dir);
    }
  });
}

/** Lends a directory, out of others' reach, with the verified snapshot, and removes it then. */
async function withUnpacked<T>(
  node: AgentContext,
  ranked: Ranked,
  work: (dir: string, manifest: Manifest) => Promise<T>,
): Promise<T> {
  const dir = await node.staging.make();
  try {
    const manifest = await unpackVerified(node, snapshotId(ranked.lineage), dir);
    return await work(dir, manifest);
  } finally {
    await node.staging.remove(dir);
  }
}

/**
 * Unpacks a stored snapshot and verifies it once more: disks rot. A bad one goes to quarantine, so that the next plan
 * falls back to the one before it.
 */
export async function unpackVerified(
  node: Pick<AgentContext, "store" | "config" | "log" | "journal">,
  id: string,
  dir: string,
): Promise<Manifest> {
  const { store, config, log, journal } = node;
  try {
    const manifest = await store.unpack(id, dir);
    const definitions = (await readDefinitions(config.node.state_dir))?.tables;
    const before = await directlyBefore(store, manifest);
    // Without that one, whether it is suspiciously empty was asked when it came in.
    const verified = await verifyUnpacked(dir, manifest, {
      definitions,
      before,
      accept: before === undefined,
    });
    if (!verified.ok) throw refusalError(verified.refusal);
    return manifest;
  } catch (error) {
    const refusal = refusalOf(error);
    if (refusal === undefined) throw error;
    log.error(
      { snapshot: id, cause: refusal.cause, why: refusal.sentence },
      "a stored snapshot is bad: quarantined",
    );
    journal.addSnapshot({ snapshot: id, event: "refused", detail: `${refusal.cause}: ${refusal.sentence}` });
    const stored = (await store.list()).find((candidate) => candidate.id === id);
    if (stored) await store.quarantine(stored.dir, refusal, id);
    throw error;
  }
}

/**
 * The snapshot before this one if none is missing in between: what shrank step by step over some that are purged would
 * look emptied.
 */
async function directlyBefore(
  store: AgentContext["store"],
  { id, lineage, ancestry }: Manifest,
): Promise<Manifest | undefined> {
  const before = await store.before(id);
  if (before === undefined) return undefined;
  const { epoch, sequence, node } = before.lineage;
  const base = lineage.sequence === 1 ? ancestry[0]?.base : { ...lineage, sequence: lineage.sequence - 1 };
  return base?.epoch === epoch && base.sequence === sequence && base.node === node ? before : undefined;
}

/**
 * How many rows each table must at least show after a start from this snapshot. What stays the host's own is left out, and
 * what no module loads, such as a table that an upgrade of ProxySQL left behind.
 */
function expectedRows(manifest: Manifest, keepLocal: KeepLocal): Record<string, number> {
  const served = new Set(modules.flatMap(({ tables }) => tables ?? []));
  const counted = Object.entries(manifest.tables).filter(
    ([name]) => served.has(name) && !keepLocal.tables.has(name),
  );
  return Object.fromEntries(counted.map(([name, { rows }]) => [name, rows]));
}

/** What this node ran and never reached the other side: kept beside, and said, so that nothing is lost unseen. */
function noteLoss(
  { state, journal, log, divergence }: AgentContext,
  ranked: Ranked,
  reportLoss: boolean,
): void {
  if (!reportLoss || state.running === null) return;
  const ours = formatLineage(state.running.lineage);
  const theirs = formatLineage(ranked.lineage);
  divergence.superseded(state.running.lineage, ranked.lineage);
  journal.addNote("superseded-unshipped", { ours, theirs });
  log.warn(
    { ours, theirs },
    "a change of ours never reached the peer that took over: its configuration replaces ours",
  );
}
