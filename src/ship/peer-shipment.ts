import type { PeerLink } from "../peer/link.js";
import { errorFields, inBackground } from "../platform/background.js";
import { monotonic, sleep } from "../platform/clock.js";
import { isKnown, KnownError, sentenceOf } from "../platform/errors.js";
import type { Manifest } from "../snapshot/manifest.js";
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
  #wanted: Manifest | undefined;
  #accept = false;
  #working: Promise<void> | undefined;
  #pause: AbortController | undefined;
  #error: string | undefined;

  constructor(peer: string, link: PeerLink, deps: ShipperDeps) {
    this.#peer = peer;
    this.#link = link;
    this.#deps = deps;
  }

  /** Why the newest is not there yet, if it is not. */
  get error(): string | undefined {
    return this.#wanted !== undefined && this.#deps.peerIsMaster(this.#peer) ? held : this.#error;
  }

  /** The snapshot that the peer should have and has not confirmed. */
  get pending(): string | undefined {
    return this.#wanted?.id;
  }

  /** `accept`: an operator says that an emptiness in it is meant. */
  offer(manifest: Manifest, accept = false): void {
    this.#wanted = manifest;
    this.#accept = accept;
    this.wake();
  }

  /** Nothing to send any more. */
  clear(): void {
    this.#wanted = undefined;
    this.#error = undefined;
    this.#pause?.abort();
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
        retryMs = firstRetryMs;
        if (this.#wanted === manifest) this.#wanted = undefined;
        this.#deps.onShipped(this.#peer);
      } catch (error) {
        const pauseMs = this.#afterFailure(manifest, error, retryMs);
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
    journal.addSnapshot({
      snapshot: manifest.id,
      event: "refused-by-peer",
      peer: this.#peer,
      detail: message,
    });
    log.error({ peer: this.#peer, snapshot: manifest.id, error: message }, "the peer refused a snapshot");
    if (fields.cause === "older" || fields.cause === "diverged") {
      // It will never take this one; the plan must find out what it has.
      if (this.#wanted === manifest) this.#wanted = undefined;
      onOutranked(this.#peer);
    }
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
