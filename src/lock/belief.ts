import { monotonic } from "../platform/clock.js";

const leastMarginMs = 1_000;
const mostMarginMs = 5_000;

/**
 * How long before the lock may run out ProxySQL must be on its way down: a fifth of the ttl, 1 to 5 seconds. What must
 * happen in it is one timer, one `service onestop` and the SIGTERM that ProxySQL ends by within milliseconds.
 */
export function marginOf(ttlMs: number): number {
  return Math.min(mostMarginMs, Math.max(leastMarginMs, ttlMs / 5));
}

/**
 * For how long this node may believe that it holds the lock, by its own monotonic clock alone: a server counts the ttl
 * from when it received what was sent, so from `sentAt` on at least as long.
 */
export class Belief {
  readonly #lastsMs: number;
  #until: number | undefined;

  constructor(ttlMs: number) {
    this.#lastsMs = ttlMs - marginOf(ttlMs);
  }

  get holds(): boolean {
    return this.leftMs > 0;
  }

  /** How long it still holds; 0 if it does not. Milliseconds. */
  get leftMs(): number {
    return this.#until === undefined ? 0 : Math.max(0, this.#until - monotonic());
  }

  /** The server said yes to what was sent then. An answer that came late never shortens it. */
  confirmed(sentAt: number): void {
    this.#until = Math.max(this.#until ?? Number.NEGATIVE_INFINITY, sentAt + this.#lastsMs);
  }

  drop(): void {
    this.#until = undefined;
  }
}
