import { type ScheduledTask, schedule } from "node-cron";
import type { PeerLink } from "../peer/link.js";
import { errorFields, inBackground } from "../platform/background.js";
import { withDeadline } from "../platform/clock.js";
import { isKnown, KnownError, sentenceOf } from "../platform/errors.js";
import { compareLineage, type Lineage } from "../role/lineage.js";
import { type Manifest, snapshotId } from "../snapshot/manifest.js";
import { checkPacked } from "../snapshot/pack.js";
import { refusalOf } from "../snapshot/refusal.js";
import { watchForChange } from "./change-watch.js";
import { PeerShipment } from "./peer-shipment.js";
import { type TakeDeps, takeOne } from "./take-one.js";

/** A take that failed is tried again after this, then twice that, and so on; the schedule goes on beside it. */
const firstRetryMs = 1_000;
const longestRetryMs = 30_000;
/** Losing the role must be followed at once; a ProxySQL that hangs may delay that by no more. */
const lastDeadlineMs = 3_000;

export interface ShipperDeps extends TakeDeps {
  readonly links: ReadonlyMap<string, PeerLink>;
  /** A peer has just taken a snapshot: what it told before is out of date. */
  readonly onShipped: (peer: string) => void;
  /** A peer refused ours as older or diverged, or says that it is MASTER: the agent must look at it. */
  readonly onOutranked: (peer: string) => void;
  /** By its last answer this peer is MASTER as we are: nothing is exchanged. */
  readonly peerIsMaster: (peer: string) => boolean;
}

/**
 * Takes snapshots while this node leads an epoch, and sees that every peer has the newest. A change on disk starts it
 * within a second; the schedule is the safety net for changes that were not seen.
 */
export class Shipper {
  readonly #deps: ShipperDeps;
  readonly #shipments: ReadonlyMap<string, PeerShipment>;
  #leading: { epoch: number; stop: AbortController; task: ScheduledTask } | undefined;
  #taking: Promise<void> | undefined;
  #again = false;
  #takeError: string | undefined;
  #retry: NodeJS.Timeout | undefined;
  #retryMs = firstRetryMs;

  constructor(deps: ShipperDeps) {
    this.#deps = deps;
    this.#shipments = new Map(
      [...deps.links].map(([name, link]) => {
        const lookAt = (id: string): void =>
          inBackground(deps.log, "looking at a refused snapshot", this.#lookAtRefused(name, id));
        return [name, new PeerShipment(name, link, deps, lookAt)];
      }),
    );
  }

  /** The epoch whose snapshots are being taken, if any. */
  get epoch(): number | undefined {
    return this.#leading?.epoch;
  }

  /** This node leads `epoch` from now on: take a first snapshot of it, then one per change. */
  enable(epoch: number): void {
    this.disable();
    const { config, log } = this.#deps;
    const stop = new AbortController();
    const task = schedule(config.snapshots.schedule, () => this.take("schedule"), { noOverlap: true });
    this.#leading = { epoch, stop, task };
    if (config.snapshots.on_change) {
      const listener = {
        onStir: () => this.#warmUp(),
        onChange: () => this.take("change"),
        onError: (error: unknown) =>
          log.warn({ error: sentenceOf(error) }, "the database cannot be watched for changes"),
      };
      inBackground(
        log,
        "watching for changes",
        watchForChange(config.proxysql.datadir, listener, stop.signal),
      );
    }
    this.#warmUp();
    this.take("epoch");
  }

  /** This node leads no more: nothing is taken or sent, what is under way is let go. */
  disable(): void {
    const leading = this.#leading;
    this.#leading = undefined;
    leading?.stop.abort();
    clearTimeout(this.#retry);
    this.#retryMs = firstRetryMs;
    void leading?.task.destroy();
    for (const shipment of this.#shipments.values()) shipment.clear();
  }

  /**
   * Ends the lead with one more snapshot if something changed that is in none yet, and returns its id. It is not sent:
   * the role is gone. Failing to take it does not keep the role's loss from being followed.
   */
  async takeLast(): Promise<string | undefined> {
    const epoch = this.#leading?.epoch ?? this.#deps.state.leads;
    this.disable();
    if (epoch === null || epoch === undefined) return undefined;
    try {
      const taking = takeOne(this.#deps, epoch, new AbortController().signal);
      return (await withDeadline(taking, lastDeadlineMs, "The last snapshot"))?.id;
    } catch (error) {
      this.#tellFailure("release", error);
      return undefined;
    }
  }

  /**
   * A peer has told what it holds: if it lacks what we run, that is sent, however it came to lack it (it was away, lost
   * its disk, is new, or we were restarted before it had taken it).
   */
  async peerAnswered(peer: string, best: Lineage | null): Promise<void> {
    const { state } = this.#deps;
    const shipment = this.#shipments.get(peer);
    const ours = state.running?.lineage;
    if (!shipment || !this.#leading || ours === undefined || ours.sequence === 0) return;
    if (ours.epoch !== this.#leading.epoch || (best !== null && compareLineage(ours, best) <= 0)) return;
    // A verdict does not change by being asked for again.
    if (!shipment.hears(best)) return;
    const isUp = this.#deps.links.get(peer)?.view.state === "up";
    if (shipment.pending !== undefined && (shipment.error === undefined || !isUp)) return shipment.wake();
    const manifest = await this.#soundOrAnew(snapshotId(ours));
    if (manifest === undefined) return shipment.clear();
    if (shipment.pending === undefined) shipment.offer(manifest);
    else shipment.wake();
  }

  /**
   * The manifest of a snapshot in our outbox if that is as it was taken. What a disk has damaged since is put into
   * quarantine, and a snapshot is taken in its place: nobody would ever take this one.
   */
  async #soundOrAnew(id: string): Promise<Manifest | undefined> {
    const { store, log, journal } = this.#deps;
    const stored = (await store.list()).find((one) => one.id === id);
    try {
      const manifest = await store.manifest(id);
      if (stored !== undefined) await checkPacked(stored.dir, manifest);
      return manifest;
    } catch (error) {
      const refusal = refusalOf(error);
      if (refusal === undefined && !isKnown(error, "snapshot-missing")) throw error;
      const cause = refusal?.cause ?? "incomplete";
      log.error({ snapshot: id, cause, why: sentenceOf(error) }, "a snapshot of ours is damaged: taken anew");
      journal.addSnapshot({ snapshot: id, event: "refused", detail: `${cause}: ${sentenceOf(error)}` });
      if (refusal !== undefined && stored !== undefined) await store.quarantine(stored.dir, refusal, id);
      this.take("damage");
      return undefined;
    }
  }

  /** A pause would not mend what our disk has damaged. */
  async #lookAtRefused(peer: string, id: string): Promise<void> {
    const sound = await this.#soundOrAnew(id);
    const shipment = this.#shipments.get(peer);
    if (sound === undefined && shipment?.pending === id) shipment.clear();
  }

  /** There is news of a peer: what was held because it was MASTER goes out if it is not any more. */
  release(peer: string): void {
    this.#shipments.get(peer)?.release();
  }

  /** Why the last attempt to take a snapshot failed; undefined if it did not. */
  get takeError(): string | undefined {
    return this.#takeError;
  }

  /** Takes a snapshot soon. Calls while one is being taken make one more, not one each. */
  take(cause: string): void {
    if (this.#leading === undefined) return;
    if (this.#taking) {
      this.#again = true;
      return;
    }
    this.#taking = this.#takeAll(cause).finally(() => {
      this.#taking = undefined;
    });
    inBackground(this.#deps.log, "taking a snapshot", this.#taking);
  }

  /**
   * Takes a snapshot for an operator, sends it, and returns its id; undefined if nothing has changed. `accept`: whatever
   * was emptied was meant to be. Errors are his to see.
   */
  async takeNow(accept = false): Promise<string | undefined> {
    const leading = this.#leading;
    if (!leading)
      throw new KnownError("not-done", "Snapshots are taken on the active node, and this is not it.");
    // What a peer refuses as empty, having other rows than we, is accepted by no change of ours.
    const refused = [...this.#shipments.values()].some(({ refusedAsEmpty }) => refusedAsEmpty);
    const { epoch, stop } = leading;
    const manifest = await takeOne(this.#deps, epoch, stop.signal, accept, accept && refused);
    this.#takeError = undefined;
    if (manifest === undefined) return undefined;
    for (const shipment of this.#shipments.values()) shipment.offer(manifest, accept);
    return manifest.id;
  }

  /** What was last acknowledged by a peer, and what went wrong since. */
  shipmentTo(peer: string): PeerShipment | undefined {
    return this.#shipments.get(peer);
  }

  /** Waits until nothing of ours is under way. */
  async stop(): Promise<void> {
    this.disable();
    await this.#taking;
    await Promise.all([...this.#shipments.values()].map((shipment) => shipment.stop()));
  }

  /** Lets each peer start its receiving process while the snapshot is still being taken. */
  #warmUp(): void {
    for (const link of this.#deps.links.values()) void link.warm();
  }

  async #takeAll(cause: string): Promise<void> {
    do {
      this.#again = false;
      await this.#takeAndOffer(cause);
    } while (this.#again);
  }

  async #takeAndOffer(cause: string): Promise<void> {
    const leading = this.#leading;
    if (!leading) return;
    const { log } = this.#deps;
    try {
      const manifest = await takeOne(this.#deps, leading.epoch, leading.stop.signal);
      this.#takeError = undefined;
      this.#retryMs = firstRetryMs;
      if (manifest === undefined) log.debug(`nothing to ship (${cause})`);
      if (manifest === undefined || this.#leading !== leading) return;
      log.info(`snapshot ${manifest.id} taken (${cause})`);
      for (const shipment of this.#shipments.values()) shipment.offer(manifest);
      await this.#deps.store.purge("outbox", this.#deps.config.snapshots.keep);
    } catch (error) {
      this.#tellFailure(cause, error);
      // What is refused is refused again until something changes, which is seen.
      if (this.#leading === leading && refusalOf(error) === undefined) this.#takeLater();
    }
  }

  /** ProxySQL was busy, or a disk full: a change is not to wait for the schedule, or the next change. */
  #takeLater(): void {
    clearTimeout(this.#retry);
    this.#retry = setTimeout(() => this.take("retry"), this.#retryMs);
    this.#retryMs = Math.min(this.#retryMs * 2, longestRetryMs);
  }

  #tellFailure(cause: string, error: unknown): void {
    const { log, journal } = this.#deps;
    this.#takeError = sentenceOf(error);
    log.error(errorFields(error), "no snapshot could be taken");
    journal.addNote("snapshot-not-taken", { cause, error: sentenceOf(error) });
  }
}
