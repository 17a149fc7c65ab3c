import { monotonic, poll, wallClock, withDeadline } from "../platform/clock.js";
import { KnownError } from "../platform/errors.js";
import { compareLineage, extendAncestry, type Lineage } from "../role/lineage.js";
import { rankOf } from "../ship/node-state.js";
import { takeOne } from "../ship/take-one.js";
import { readDefinitions } from "../snapshot/definitions.js";
import { type Manifest, snapshotId } from "../snapshot/manifest.js";
import { admitAnew, manifestAnew } from "../snapshot/readmit.js";
import { type Refusal, refusalError, refusalOf } from "../snapshot/refusal.js";
import type { StoredSnapshot } from "../snapshot/store.js";
import { verifyUnpacked } from "../snapshot/verify.js";
import { unpackVerified } from "./configuration-steps.js";
import type { AgentContext } from "./context.js";
import type { Observer } from "./observer.js";
import type { Reconciler } from "./reconciler.js";
import type { RestoreEnd } from "./restore-record.js";

/** Beyond two starts of ProxySQL (with the restored content, and with what was there): unpacking, a halt, a retry. */
const spareMs = 90_000;
/** The first snapshot of the new epoch takes milliseconds, of a large configuration some seconds. */
const firstTakenMs = 15_000;
/** How long the answer waits for peers that are there. Who needs longer gets it all the same. */
const shippedMs = 5_000;
const lookMs = 20;

/** What a restore came to. */
export interface RestoreResult {
  /** The id of the snapshot whose content is served again. */
  readonly from: string;
  /** The id of the snapshot with what it replaced: to restore that undoes it. */
  readonly kept: string;
  /** It is on this host still: a `keep` of 2 has no room for it. */
  readonly canUndo: boolean;
  /** The id of the first snapshot of the new epoch; null if it is not taken yet. */
  readonly snapshot: string | null;
  readonly epoch: number;
  readonly peers: readonly { readonly name: string; readonly has: boolean; readonly error: string | null }[];
  readonly ms: number;
}

export interface RestoreParts {
  readonly node: AgentContext;
  readonly observer: Observer;
  readonly reconciler: Pick<Reconciler, "hint">;
  /** A switchover is being prepared or performed. */
  readonly isSwitching: () => boolean;
}

/**
 * Brings the content of an older snapshot back on the active node: verified, the present content in a snapshot first,
 * then under a lineage above all others, so that to install it is no exception to any rule. The plan puts it in place,
 * proves it and opens an epoch; whatever is cut off, it finishes or undoes it. Refused is `not-done`, or the verdict on
 * the snapshot.
 */
export async function restoreSnapshot(parts: RestoreParts, id: string): Promise<RestoreResult> {
  const { node, reconciler } = parts;
  const began = monotonic();
  const { restore, config } = node;
  const { ended, kept } = await restore.alone(async () => {
    await requireFit(parts);
    const from = await storedOf(node, id);
    const old = await verified(node, from);
    const present = await keepPresent(node);
    await requireFit(parts);
    return { ...(await begin(node, from, old, present)), kept: present.id };
  });
  reconciler.hint(`restore of ${id}`);
  const most = 2 * config.proxysql.start_timeout + spareMs;
  const { why } = await withDeadline(ended, most, "The restore goes on, but");
  if (why !== null) throw new KnownError("not-done", `${id} could not be restored: ${why}`);
  const came = await outcome(node);
  const canUndo = (await node.store.list()).some((stored) => stored.id === kept);
  return { from: id, kept, canUndo, ...came, ms: Math.round(monotonic() - began) };
}

/** Refuses what `restoreSnapshot` would refuse, and does nothing. */
export async function checkRestore(parts: RestoreParts, id: string): Promise<void> {
  const { node } = parts;
  await node.restore.alone(async () => {
    await requireFit(parts);
    await verified(node, await storedOf(node, id));
  });
}

async function requireFit({ node, observer, isSwitching }: RestoreParts): Promise<void> {
  const refused = (sentence: string): never => {
    throw new KnownError("not-done", sentence);
  };
  const { role } = await observer.lookAtCarp();
  const { state, maintenance, trial, board, switchover } = node;
  if (maintenance.view() !== null)
    refused("This node is in maintenance: end that first, by `proxysql-carp maintenance off`.");
  if (role !== "MASTER") {
    const active = board.views().find((peer) => peer.reachable && peer.role === "MASTER")?.name;
    const where = active === undefined ? "on the active node" : `on ${active}, which is active`;
    refused(`This node is ${role}: what is restored here would be overwritten. Restore it ${where}.`);
  }
  if (isSwitching() || switchover.current !== null) refused("A switchover is under way: wait for its end.");
  if (state.leads === null || (trial.current !== null && !trial.isStale(state.running)))
    refused(
      "This node is in the middle of a transition: wait until `proxysql-carp status` shows that it leads.",
    );
  const proxysql = observer.proxysql;
  if (proxysql?.running && !proxysql.admin)
    refused("ProxySQL runs and its admin does not answer: wait until it does, or stop it.");
}

async function storedOf({ store }: AgentContext, id: string): Promise<StoredSnapshot> {
  const stored = (await store.list()).find((one) => one.id === id);
  if (stored !== undefined) return stored;
  throw new KnownError("snapshot-missing", `There is no snapshot ${id} here.`, { id });
}

/** One that only the present ProxySQL defines otherwise is good all the same: it is refused, and stays. */
async function verified(node: AgentContext, { id }: StoredSnapshot): Promise<Manifest> {
  const dir = await node.staging.make();
  try {
    const manifest = await node.store.unpack(id, dir).catch((error: unknown) => {
      if (refusalOf(error) === undefined) throw error;
      return undefined;
    });
    if (manifest !== undefined) {
      const definitions = (await readDefinitions(node.config.node.state_dir))?.tables;
      const result = await verifyUnpacked(dir, manifest, { definitions, accept: true });
      if (!result.ok && result.refusal.cause === "definitions-differ") throw refusalError(result.refusal);
    }
    return await unpackVerified(node, id, dir);
  } catch (error) {
    const refusal = refusalOf(error);
    throw refusal === undefined ? error : toldByCode(refusal);
  } finally {
    await node.staging.remove(dir);
  }
}

/** The socket carries sentences alone. */
function toldByCode(refusal: Refusal): KnownError {
  return refusalError({ ...refusal, sentence: `refused: ${refusal.cause}: ${refusal.sentence}` });
}

/** What is there now, in a snapshot, even if somebody has just emptied it: that may be why it is to be restored. */
async function keepPresent(node: AgentContext): Promise<Manifest> {
  const { state, store } = node;
  const taking = takeOne(
    { ...node, isHeld: () => false, lift: (file) => node.fencing?.lift(file) },
    state.leads ?? 0,
    new AbortController().signal,
    true,
  );
  const taken = await taking;
  const running = state.running;
  if (taken !== undefined) return taken;
  if (running === null) throw new KnownError("not-done", "It is not known what this node runs.");
  return store.manifest(snapshotId(running.lineage));
}

/** Wrapped, for an async function would wait for the end itself. */
interface Begun {
  readonly ended: Promise<RestoreEnd>;
}

/** Under the lock, so that the plan finds the intent and the snapshot together. */
function begin(node: AgentContext, from: StoredSnapshot, old: Manifest, present: Manifest): Promise<Begun> {
  const { restore, store, config, care, journal, log, state, configLock } = node;
  return configLock.run(async () => {
    const running = rankOf(present);
    if (state.running === null || compareLineage(state.running.lineage, running.lineage) !== 0)
      throw new KnownError(
        "not-done",
        "The configuration was changed at this very moment: look at it again.",
      );
    const epoch = highestEpoch(node, present) + 1;
    const lineage: Lineage = { epoch, sequence: 1, node: config.node.name };
    const opening = { epoch, node: config.node.name, base: running.lineage, baseContent: running.content };
    const ancestry = extendAncestry(running.ancestry, opening);
    const manifest = manifestAnew(old, { lineage, ancestry, before: present });
    const since = new Date(wallClock()).toISOString();
    const ended = restore.begin({ ranked: rankOf(manifest), from: from.id, kept: present.id, since });
    try {
      await admitAnew(store, from, manifest);
    } catch (error) {
      restore.end({ why: "it could not be put into the store" });
      throw error;
    }
    journal.addNote("restore-begun", { from: from.id, kept: present.id, as: manifest.id });
    log.info(`restoring the content of ${from.id} as ${manifest.id}; ${present.id} has what it replaces`);
    // A ProxySQL that did not come up with what it had gets a new chance with this.
    care.startAfresh();
    return { ended };
  });
}

function highestEpoch({ state, board }: AgentContext, present: Manifest): number {
  const known = [
    present.lineage,
    state.running?.lineage,
    ...board.views().flatMap(({ best, running }) => [best?.lineage, running]),
  ];
  return Math.max(state.leads ?? 0, ...known.map((lineage) => lineage?.epoch ?? 0));
}

/** What there is to tell a moment later: the new epoch's first snapshot, and which peers have it. */
async function outcome({
  state,
  shipper,
  links,
}: AgentContext): Promise<Pick<RestoreResult, "snapshot" | "epoch" | "peers">> {
  const first = async (): Promise<Lineage | undefined> => {
    const lineage = state.running?.lineage;
    return lineage !== undefined && lineage.sequence > 0 ? lineage : undefined;
  };
  const lineage = await poll(first, firstTakenMs, lookMs);
  const isUp = (name: string): boolean => links.get(name)?.view.state === "up";
  const waits = (name: string): boolean => isUp(name) && shipper.shipmentTo(name)?.pending !== undefined;
  const names = [...links.keys()];
  if (lineage !== undefined)
    await poll(async () => (names.some(waits) ? undefined : true), shippedMs, lookMs);
  return {
    snapshot: lineage === undefined ? null : snapshotId(lineage),
    epoch: state.leads ?? lineage?.epoch ?? 0,
    peers: names.map((name) => {
      const shipment = shipper.shipmentTo(name);
      const has = lineage !== undefined && shipment?.pending === undefined;
      const error = has ? null : (shipment?.error ?? links.get(name)?.view.lastError?.message ?? null);
      return { name, has, error };
    }),
  };
}
