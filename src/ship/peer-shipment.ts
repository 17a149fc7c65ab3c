import type { PeerLink } from "../peer/link.js";
import { monotonic, sleep } from "../platform/clock.js";
import { isKnown, type KnownError } from "../platform/errors.js";
import type { Manifest } from "../snapshot/manifest.js";
import { refusalOf } from "../snapshot/refusal.js";
import type { ShipperDeps } from "./shipper.js";

const firstRetryMs = 1_000;
const longestRetryMs = 30_000;

/**
 * Brings the newest snapshot to one peer, whatever the others do. Only the newest: one that was overtaken while the
 * peer was away is never sent. It counts as shipped when the peer has verified it, put it on disk and said so.
 */
export class PeerShipment {
  readonly #peer: string;
  readonly #link: PeerLink;
  readonly #deps: ShipperDeps;
  #wanted: Manifest | undefined;
  #working: Promise<void> | undefined;
  #stop = new AbortController();
  #error: KnownError | undefined;

  constructor(peer: string, link: PeerLink, deps: ShipperDeps) {
    this.#peer = peer;
    this.#link = link;
    this.#deps = deps;
  }

  /** Why the newest is not there yet, if it is not. */
  get error(): KnownError | undefined {
    return this.#error;
  }

  /** The snapshot that the peer should have and has not confirmed. */
  get pending(): string | undefined {
    return this.#wanted?.id;
  }

  offer(manifest: Manifest): void {
    this.#wanted = manifest;
    this.wake();
  }

  /** Nothing to send any more. */
  clear(): void {
    this.#wanted = undefined;
    this.#error = undefined;
    this.#stop.abort();
    this.#stop = new AbortController();
  }

  wake(): void {
    if (this.#working || !this.#wanted || this.#link.view.state !== "up") return;
    this.#working = this.#work(this.#stop.signal).finally(() => {
      this.#working = undefined;
      if (this.#wanted && !this.#error) this.wake();
    });
  }

  async stop(): Promise<void> {
    this.clear();
    await this.#working;
  }

  async #work(signal: AbortSignal): Promise<void> {
    let retryMs = firstRetryMs;
    while (!signal.aborted && this.#wanted && this.#link.view.state === "up") {
      const manifest = this.#wanted;
      try {
        await this.#put(manifest);
        this.#error = undefined;
        retryMs = firstRetryMs;
        if (this.#wanted === manifest) this.#wanted = undefined;
      } catch (error) {
        if (!isKnown(error)) throw error;
        this.#error = error;
        if (this.#isOutranked(manifest, error)) return;
        await sleep(retryMs, signal);
        retryMs = Math.min(retryMs * 2, longestRetryMs);
      }
    }
  }

  async #put(manifest: Manifest): Promise<void> {
    const { store, journal, log } = this.#deps;
    const began = monotonic();
    const stored = (await store.list()).find(({ id }) => id === manifest.id);
    if (!stored) return;
    const result = await this.#link.put(stored.dir, manifest);
    const ms = monotonic() - began;
    journal.addSnapshot({ snapshot: manifest.id, event: "shipped", peer: this.#peer, detail: result, ms });
    log.info(`snapshot ${manifest.id} is on ${this.#peer}'s disk (${result}, ${Math.round(ms)} ms)`);
  }

  /** True if the peer will never take this one, so that asking again is no use. */
  #isOutranked(manifest: Manifest, error: KnownError): boolean {
    const cause = refusalOf(error)?.cause;
    if (error.code !== "peer-refused" && cause === undefined) return false;
    const { journal, log, onOutranked } = this.#deps;
    journal.addSnapshot({
      snapshot: manifest.id,
      event: "refused-by-peer",
      peer: this.#peer,
      detail: error.message,
    });
    log.error(
      { peer: this.#peer, snapshot: manifest.id, error: error.message },
      "the peer refused a snapshot",
    );
    if (error.fields.cause !== "older" && error.fields.cause !== "diverged") return false;
    this.#wanted = undefined;
    onOutranked(this.#peer);
    return true;
  }
}
