import { monotonic } from "../platform/clock.js";

/** What may be spent at once, and what comes back in a second. */
const most = 400;

/**
 * How much work the pages may make for the agent: whoever asks for large documents without a pause must not keep it from
 * its heartbeat. A bucket that is filled steadily; what a request costs is about the tenth part of a millisecond.
 */
export class Budget {
  #left = most;
  #at = monotonic();

  /** Takes `cost` if it is there; false if not, and then nothing is taken. */
  spend(cost: number): boolean {
    const now = monotonic();
    this.#left = Math.min(most, this.#left + ((now - this.#at) / 1_000) * most);
    this.#at = now;
    if (this.#left < cost) return false;
    this.#left -= cost;
    return true;
  }
}
