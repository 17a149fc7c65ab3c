import type { DriftFacts } from "../health/facts.js";
import { inBackground } from "../platform/background.js";
import { monotonic } from "../platform/clock.js";
import { isKnown } from "../platform/errors.js";
import { DriftFinder } from "../proxysql/drift.js";
import type { AgentContext } from "./context.js";

/** Each look holds ProxySQL's admin for some milliseconds. */
const everyMs = 10_000;
/** A look may take this share of ProxySQL's time: one with huge tables is looked at less often. */
const restFactor = 100;
const restAfterFailureMs = 300_000;

/**
 * Looks for drift now and then, beside everything else: nobody waits for it. It takes its turn with whoever reads or
 * changes the configuration as a whole, so that it neither sees a snapshot half applied nor ends another's statement.
 */
export class DriftWatch {
  readonly #node: Pick<AgentContext, "admin" | "configLock" | "log">;
  readonly #finder: DriftFinder;
  #found: readonly DriftFacts[] | undefined;
  #nextAt = 0;
  #looking = false;

  constructor(node: Pick<AgentContext, "admin" | "configLock" | "log">) {
    this.#node = node;
    this.#finder = new DriftFinder(node.admin);
  }

  /** What the last look found; undefined if it told nothing. */
  get found(): readonly DriftFacts[] | undefined {
    return this.#found;
  }

  /** ProxySQL is gone or another one: what was found says nothing of what is. */
  forget(): void {
    this.#found = undefined;
    this.#nextAt = 0;
  }

  /** Looks if it is time to. `active`: this node is the one whose jobs run. */
  look(version: string, active: boolean): void {
    if (this.#looking || monotonic() < this.#nextAt) return;
    this.#looking = true;
    const looking = this.#node.configLock
      .run(() => this.#lookNow(version, active))
      .finally(() => {
        this.#looking = false;
      });
    inBackground(this.#node.log, "looking for drift", looking);
  }

  async #lookNow(version: string, active: boolean): Promise<void> {
    const began = monotonic();
    try {
      this.#found = await this.#finder.find(version, active);
      this.#nextAt = monotonic() + Math.max(everyMs, restFactor * (monotonic() - began));
    } catch (error) {
      if (!isKnown(error)) throw error;
      this.#found = undefined;
      const slow = error.code === "deadline" || error.code === "proxysql-statement";
      this.#nextAt = monotonic() + (slow ? restAfterFailureMs : everyMs);
      this.#node.log.debug(`drift could not be looked for: ${error.message}`);
    }
  }
}
