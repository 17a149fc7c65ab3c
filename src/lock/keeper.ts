import { errorFields } from "../platform/background.js";
import { monotonic, sleep, wallClock } from "../platform/clock.js";
import { isKnown } from "../platform/errors.js";
import type { Logger } from "../platform/log.js";
import { Mutex } from "../platform/mutex.js";
import { Belief } from "./belief.js";
import type { Holding, LockService } from "./service.js";

/** After a question that failed, and while somebody else has the lock that this node wants. */
const retryMs = 500;
/** The agent's stop is bounded, and does not wait for etcd. */
const stopMs = 1_000;

export interface KeeperDeps {
  readonly service: LockService;
  readonly ttlMs: number;
  readonly node: string;
  /** A text that no other node has: by it a restarted agent knows its own lock. */
  readonly owner: string;
  readonly log: Logger;
  /** The lock came: look at the plan. */
  readonly onGained: () => void;
  /** The time is up, or the server says that somebody else has it: ProxySQL must not serve from now on. */
  readonly onLost: (why: string) => void;
}

/** How it stands with the lock. */
export interface LockState {
  readonly held: boolean;
  /** This node wants it: it was asked for since the role came, and not given back. */
  readonly wanted: boolean;
  /** The node that has it, as far as the last answer says; null: nobody, or it is not known. */
  readonly holder: string | null;
  /** Why the last question was not answered; null if it was. */
  readonly problem: string | null;
}

/**
 * Takes, keeps and gives back the lock. It is believed to be held only as long as the server cannot have given it to
 * somebody else, whatever becomes of answers: see `Belief`. All questions go one after the other.
 *
 * An agent that ends does not give it back: ProxySQL and the role stay as they are, and the next start takes it up again
 * within the ttl.
 */
export class LockKeeper {
  readonly #deps: KeeperDeps;
  readonly #belief: Belief;
  readonly #turn = new Mutex();
  readonly #stopping = new AbortController();
  #wake = new AbortController();
  #wanted = false;
  #lease: string | undefined;
  #held = false;
  #holder: string | null = null;
  #problem: string | null = null;
  #lapse: NodeJS.Timeout | undefined;
  #running: Promise<void> | undefined;

  constructor(deps: KeeperDeps) {
    this.#deps = deps;
    this.#belief = new Belief(deps.ttlMs);
  }

  get state(): LockState {
    return {
      held: this.#held && this.#belief.holds,
      wanted: this.#wanted,
      holder: this.#holder,
      problem: this.#problem,
    };
  }

  start(): void {
    this.#running ??= this.#run();
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    clearTimeout(this.#lapse);
    // A question that hangs ends by its own deadline, and nothing follows from its answer any more.
    await Promise.race([this.#running, sleep(stopMs)]);
  }

  /** Wants the lock from now on, and tries once at once. Never rejects for what is known: `state` tells. */
  async acquire(): Promise<LockState> {
    this.#wanted = true;
    await this.#turn.run(async () => {
      if (!this.state.held) await this.#ask();
    });
    this.#wake.abort();
    return this.state;
  }

  /** Does not want it any more, and gives it back. If the server cannot be asked now that is tried again. */
  async release(): Promise<LockState> {
    this.#wanted = false;
    this.#let("released");
    await this.#turn.run(() => this.#ask());
    return this.state;
  }

  async #run(): Promise<void> {
    const stop = this.#stopping.signal;
    while (!stop.aborted) {
      this.#wake = new AbortController();
      const began = monotonic();
      await this.#turn.run(() => this.#ask());
      const soon = this.#problem !== null || (this.#wanted && !this.#held);
      const waitMs = soon ? retryMs : Math.max(0, this.#deps.ttlMs / 3 - (monotonic() - began));
      await sleep(waitMs, AbortSignal.any([this.#wake.signal, stop]));
    }
  }

  /** One question, whichever is due. */
  async #ask(): Promise<void> {
    if (this.#stopping.signal.aborted) return;
    try {
      if (this.#lease !== undefined)
        await (this.#wanted ? this.#keepAlive(this.#lease) : this.#giveBack(this.#lease));
      else if (this.#wanted) await this.#take();
      else this.#saw(await this.#deps.service.look());
      if (this.#problem !== null) this.#deps.log.info("the lock can be asked again");
      this.#problem = null;
    } catch (error) {
      const problem = isKnown(error) ? error.message : "The answer of the lock's server was not understood.";
      // Asked twice a second: what is known is told once.
      if (problem !== this.#problem) this.#deps.log.warn(errorFields(error), "the lock cannot be asked");
      this.#problem = problem;
    }
  }

  async #take(): Promise<void> {
    const { service, node, owner } = this.#deps;
    const holding = await service.take({ node, owner, since: new Date(wallClock()).toISOString() });
    this.#saw(holding);
    if (holding?.value?.owner !== owner) return;
    this.#lease = holding.lease;
    // One from before a restart may be about to run out: only a fresh yes counts, so it is asked for.
    await this.#keepAlive(holding.lease);
  }

  async #keepAlive(lease: string): Promise<void> {
    const sentAt = monotonic();
    if (!(await this.#deps.service.keepAlive(lease))) {
      this.#lease = undefined;
      this.#holder = null;
      this.#let("it has run out, or was taken away");
      return;
    }
    // Given back in the meantime, it is on its way out; and after the stop nobody would see it lapse.
    if (!this.#wanted || this.#stopping.signal.aborted) return;
    this.#holder = this.#deps.node;
    this.#belief.confirmed(sentAt);
    this.#watch();
    if (this.#held || !this.#belief.holds) return;
    this.#held = true;
    this.#deps.log.info("the lock is held");
    this.#deps.onGained();
  }

  async #giveBack(lease: string): Promise<void> {
    await this.#deps.service.release(lease);
    this.#lease = undefined;
    this.#saw(null);
  }

  #saw(holding: Holding | null): void {
    this.#holder = holding === null ? null : (holding.value?.node ?? "somebody else");
  }

  /** The belief is over at its time even if nobody looks and every question hangs. */
  #watch(): void {
    clearTimeout(this.#lapse);
    this.#lapse = setTimeout(() => {
      // Timers may be a little early by the monotonic clock.
      if (this.#belief.holds) this.#watch();
      else this.#let("it could not be kept alive in time");
    }, Math.ceil(this.#belief.leftMs));
  }

  #let(why: string): void {
    clearTimeout(this.#lapse);
    this.#belief.drop();
    if (!this.#held) return;
    this.#held = false;
    if (this.#wanted) this.#deps.onLost(why);
  }
}
