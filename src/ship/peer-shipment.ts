import type { PeerLink } from "../peer/link.js";
import { errorFields, inBackground } from "../platform/background.js";
import { monotonic, sleep } from "../platform/clock.js";
import { isKnown, KnownError, sentenceOf } from "../platform/errors.js";
import type { Lineage } from "../role/lineage.js";
import { type Manifest, snapshotId } from "../snapshot/manifest.js";
import type { ShipperDeps } from "./shipper.js";

const firstRetryMs = 1_000;
const longestRetryMs = 30_000;
/** A verdict does not change by itself: each attempt is an upload, and a line in two journals. */
const refusedRetryMs = 300_000;
/** A peer that is losing the role may say a moment too long that it has it. */
const bothMasterRetryMs = 250;
const held = "held: both nodes are MASTER";

/**
 * Brings the newest snapshot to one peer, whatever the others do. Only the newest: one that was overtaken while the
 * peer was away is never sent. It counts as shipped when the peer has verified it, put it on disk and said so.
 */
export class PeerShipment {
  readonly #peer: string;
  readonly #link: PeerLink;
  readonly #deps: ShipperDeps;
  readonly #onRefused: (id: string) => void;
  #wanted: Manifest | undefined;
  #accept = false;
  #working: Promise<void> | undefined;
  #pause: AbortController | undefined;
  #error: string | undefined;
  #refusedFor: unknown;
  /** What the peer last told that it holds, and over which connection. */
  #heard: string | undefined;
  /** The same once more is no reason to try again before this time of the monotonic clock. */
  #quietUntil = 0;

  /** `onRefused`: the peer finds fault with a snapshot itself, which our disk may have damaged. */
  constructor(peer: string, link: PeerLink, deps: ShipperDeps, onRefused: (id: string) => void) {
    this.#peer = peer;
    this.#link = link;
    this.#deps = deps;
    this.#onRefused = onRefused;
  }

  /** Why the newest is not there yet, if it is not. */
  get error(): string | undefined {
    return this.#wanted !== undefined && this.#deps.peerIsMaster(this.#peer) ? held : this.#error;
  }

  /** The snapshot that the peer should have and has not confirmed. */
  get pending(): string | undefined {
    return this.#wanted?.id;
  }

  /** True if the peer refuses the newest because a table is empty in it that has rows there. */
  get refusedAsEmpty(): boolean {
    return this.#wanted !== undefined && this.#refusedFor === "suspiciously-empty";
  }

  /** `accept`: an operator says that an emptiness in it is meant. */
  offer(manifest: Manifest, accept = false): void {
    this.#wanted = manifest;
    this.#accept = accept;
    this.#refusedFor = undefined;
    this.wake();
  }

  /** Nothing to send any more. */
  clear(): void {
    this.#wanted = undefined;
    this.#error = undefined;
    this.#quietUntil = 0;
    this.#pause?.abort();
  }

  /**
   * The peer, which is asked every few seconds, says that its greatest is `best`. True if that is worth a try: it says
   * something else than before, the link was down in between, or the pause after the last failure is over.
   */
  hears(best: Lineage | null): boolean {
    const told = `${this.#link.view.since} ${best === null ? "nothing" : snapshotId(best)}`;
    const isChange = this.#heard !== undefined && told !== this.#heard;
    const isNews = isChange || monotonic() >= this.#quietUntil;
    this.#heard = told;
    return isNews;
  }

  /** Tries now: there is something new to send, or the link came up. */
  wake(): void {
    this.#pause?.abort();
    if (this.#working || !this.#isDue()) return;
    this.#working = this.#work().finally(() => {
      this.#working = undefined;
      if (this.#isDue()) this.wake();
    });
    inBackground(this.#deps.log, `shipping to ${this.#peer}`, this.#working);
  }

  /** Tries now if what kept it back was that the peer is MASTER; a pause after a failure goes on. */
  release(): void {
    if (!this.#working) this.wake();
  }

  async stop(): Promise<void> {
    this.clear();
    await this.#working;
  }

  #isDue(): boolean {
    if (this.#wanted === undefined || this.#link.view.state !== "up") return false;
    return !this.#deps.peerIsMaster(this.#peer);
  }

  async #work(): Promise<void> {
    let retryMs = firstRetryMs;
    while (this.#wanted && this.#isDue()) {
      const manifest = this.#wanted;
      try {
        await this.#put(manifest);
        this.#error = undefined;
        this.#quietUntil = 0;
        retryMs = firstRetryMs;
        if (this.#wanted === manifest) this.#wanted = undefined;
        this.#deps.onShipped(this.#peer);
      } catch (error) {
        const pauseMs = this.#afterFailure(manifest, error, retryMs);
        this.#quietUntil = monotonic() + pauseMs;
        retryMs = Math.min(retryMs * 2, longestRetryMs);
        if (this.#wanted === manifest) await this.#rest(pauseMs);
      }
    }
  }

  async #put(manifest: Manifest): Promise<void> {
    const { store, journal, log } = this.#deps;
    const began = monotonic();
    const stored = (await store.list()).find(({ id }) => id === manifest.id);
    if (!stored)
      throw new KnownError("snapshot-missing", `Snapshot ${manifest.id} is not in the store any more.`);
    const result = await this.#link.put(stored.dir, manifest, { accept: this.#accept });
    const ms = monotonic() - began;
    journal.addSnapshot({ snapshot: manifest.id, event: "shipped", peer: this.#peer, detail: result, ms });
    log.info(`snapshot ${manifest.id} is on ${this.#peer}'s disk (${result}, ${Math.round(ms)} ms)`);
  }

  async #rest(ms: number): Promise<void> {
    this.#pause = new AbortController();
    await sleep(ms, this.#pause.signal);
    this.#pause = undefined;
  }

  /** Tells what went wrong, and returns how long to wait before the next attempt; milliseconds. */
  #afterFailure(manifest: Manifest, error: unknown, retryMs: number): number {
    this.#error = sentenceOf(error);
    if (isKnown(error, "peer-refused")) return this.#afterRefusal(manifest, error, retryMs);
    this.#deps.log.warn(
      { peer: this.#peer, snapshot: manifest.id, ...errorFields(error) },
      "a snapshot could not be sent",
    );
    return retryMs;
  }

  #afterRefusal(manifest: Manifest, error: KnownError, retryMs: number): number {
    const { journal, log, onOutranked } = this.#deps;
    const { message, fields } = error;
    if (fields.cause === "both-master") return this.#afterBothMaster(manifest, retryMs);
    this.#refusedFor = fields.cause;
    journal.addSnapshot({
      snapshot: manifest.id,
      event: "refused-by-peer",
      peer: this.#peer,
      detail: message,
    });
    log.error({ peer: this.#peer, snapshot: manifest.id, error: message }, "the peer refused a snapshot");
    // Not the snapshot's fault, and told before anything is sent.
    if (fields.cause === "disk-full") return longestRetryMs;
    if (fields.cause === "older" || fields.cause === "diverged") {
      // It will never take this one; the plan must find out what it has.
      if (this.#wanted === manifest) this.#wanted = undefined;
      onOutranked(this.#peer);
    } else this.#onRefused(manifest.id);
    return refusedRetryMs;
  }

  /** Not the snapshot's fault, and over as soon as one of the two is not MASTER any more: then it is wanted. */
  #afterBothMaster(manifest: Manifest, retryMs: number): number {
    this.#error = held;
    this.#deps.log.debug(`snapshot ${manifest.id} is held: ${this.#peer} is MASTER too`);
    this.#deps.onOutranked(this.#peer);
    return Math.max(bothMasterRetryMs, retryMs - firstRetryMs);
  }
}
