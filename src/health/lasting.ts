/** `leaveMs`: how long it must have been gone to count as gone; what comes back before has never been away. */
export interface LastingOptions {
  readonly leaveMs?: number;
}

interface Entry {
  readonly since: number;
  lastTrue: number;
}

/**
 * How long each of many conditions has held without a break, by a clock that never jumps. What is not known at a look
 * (`undefined`) neither begins nor ends anything: a peer that cannot be asked has not changed its mind.
 */
export class Lasting {
  readonly #entries = new Map<string, Entry>();

  /** A condition that is known to have held for `ms` already, from before a restart. */
  seed(key: string, ms: number, now: number): void {
    this.#entries.set(key, { since: now - Math.max(0, ms), lastTrue: now });
  }

  /** One look. Returns for how many ms the condition has held; 0 if it does not, at least 1 if it does. */
  look(key: string, holds: boolean | undefined, now: number, { leaveMs = 0 }: LastingOptions = {}): number {
    const entry = this.#entries.get(key);
    if (holds === true) {
      if (entry === undefined) {
        this.#entries.set(key, { since: now, lastTrue: now });
        return 1;
      }
      entry.lastTrue = now;
      return Math.max(1, now - entry.since);
    }
    if (entry === undefined) return 0;
    if (holds === undefined) return Math.max(1, entry.lastTrue - entry.since);
    if (now - entry.lastTrue < leaveMs) return Math.max(1, entry.lastTrue - entry.since);
    this.#entries.delete(key);
    return 0;
  }

  /** The same for a figure: too much above `enter`, right again only below `leave`, so that it cannot flutter. */
  band(
    key: string,
    value: number | undefined,
    now: number,
    { enter, leave }: { readonly enter: number; readonly leave: number },
  ): number {
    const limit = this.#entries.has(key) ? leave : enter;
    return this.look(key, value === undefined ? undefined : value > limit, now);
  }
}
