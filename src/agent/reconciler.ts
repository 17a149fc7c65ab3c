import { errorFields, inBackground } from "../platform/background.js";
import { monotonic, sleep, withDeadline } from "../platform/clock.js";
import { isKnown, sentenceOf } from "../platform/errors.js";
import type { NodeRole } from "../role/carp-role.js";
import type { PeerView } from "../role/observed.js";
import { isHeldBack, plan } from "../role/plan.js";
import type { Step } from "../role/step.js";
import type { AgentContext } from "./context.js";
import type { Observer } from "./observer.js";
import { performStep } from "./perform.js";
import { TransitionLog } from "./transition-log.js";

/** Rounds in a row without coming to rest. More means that two of our own rules disagree: pause, say so, go on. */
const roundsBeforeRest = 25;
const firstRetryMs = 500;
const longestRetryMs = 15_000;
/** How soon to look again at a sick ProxySQL that is left alone for a moment, or at a promotion that is held back. */
const unwellLookMs = 500;
/** A share of demotion that cannot be written must not keep the rest from being done. */
const asideSteps: ReadonlySet<Step["kind"]> = new Set(["settle-share", "take-back"]);

/**
 * Makes what is fit what should be, again and again: observe, plan, perform, until the plan is empty; then wait for a
 * hint or the clock. One at a time, and always towards the newest role: a step that waits is cut short when ifconfig
 * says something else than the plan was made for.
 */
export class Reconciler {
  readonly #node: AgentContext;
  readonly #observer: Observer;
  readonly #transitions: TransitionLog;
  readonly #onRole: (role: NodeRole) => void;
  readonly #stopping = new AbortController();
  #wake = new AbortController();
  #step: AbortController | undefined;
  #role: NodeRole | undefined;
  #cause = "start";
  #hinted = false;
  #turnedAt = monotonic();
  #retryMs = firstRetryMs;
  #lastError: string | undefined;
  #running: Promise<void> | undefined;
  /** The last plan was empty because the promotion has to wait. */
  #isHeldBack = false;

  /** `onRole` is called with each new role, before anything is done about it. */
  constructor(node: AgentContext, observer: Observer, onRole: (role: NodeRole) => void) {
    this.#node = node;
    this.#observer = observer;
    this.#onRole = onRole;
    this.#transitions = new TransitionLog(node.journal, node.log);
  }

  /** How long ago the loop last came to an end of its rounds, or looked again; ms. A step may take minutes. */
  get quietForMs(): number {
    return monotonic() - this.#turnedAt;
  }

  /** The error that the last round ended with, if it did. */
  get lastError(): string | undefined {
    return this.#lastError;
  }

  start(): void {
    this.#running ??= this.#run();
  }

  /** Something may have happened: look now. Cheap, may be called at any time and any number of times. */
  hint(cause: string): void {
    this.#cause = cause;
    this.#hinted = true;
    this.#wake.abort();
    if (this.#step) inBackground(this.#node.log, "looking at CARP", this.#endStepIfRoleChanged(this.#step));
  }

  /** The ground under the present step is gone: give it up if it waits, and look. */
  interrupt(cause: string): void {
    this.hint(cause);
    this.#step?.abort();
  }

  /** Ends the loop after the step that is being performed, which is told to hurry. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    this.#step?.abort();
    this.#wake.abort();
    await this.#running;
    this.#transitions.abandon();
  }

  async #run(): Promise<void> {
    while (!this.#stopping.signal.aborted) {
      this.#wake = new AbortController();
      this.#hinted = false;
      const waitMs = await this.#reconcile();
      // A stop wakes too.
      if (!this.#hinted) await sleep(waitMs, this.#wake.signal);
      if (!this.#hinted) this.#cause = "timer";
    }
  }

  /** Rounds until there is nothing to do. Returns how long to wait before the next look; milliseconds. */
  async #reconcile(): Promise<number> {
    try {
      for (let round = 0; round < roundsBeforeRest; round += 1) {
        const more = await this.#round();
        if (this.#stopping.signal.aborted) return 0;
        if (!more) {
          this.#retryMs = firstRetryMs;
          this.#lastError = undefined;
          const { reconcile } = this.#node.config.carp;
          const soon = this.#node.care.isUnwell || this.#isHeldBack;
          return soon ? Math.min(unwellLookMs, reconcile) : reconcile;
        }
      }
      this.#node.log.error({ rounds: roundsBeforeRest }, "the plan does not come to rest");
    } catch (error) {
      this.#lastError = sentenceOf(error);
      if (isKnown(error, "snapshot-refused")) return 0;
      // A step that failed has been logged as such.
      if (!isKnown(error)) this.#node.log.error(errorFields(error), "a round failed");
    }
    const waitMs = this.#retryMs;
    this.#retryMs = Math.min(waitMs * 2, longestRetryMs);
    return waitMs;
  }

  /** One look and what follows from it. True if it is worth looking again at once. */
  async #round(): Promise<boolean> {
    this.#turnedAt = monotonic();
    const observed = await this.#observer.observe();
    if (observed.role !== this.#role) this.#roleChanged(observed.role);
    // After a change of role the peers' answers no longer count, so they are looked at last.
    const now = { ...observed, peers: this.#peers() };
    const steps = plan(now);
    if (steps.length === 0) {
      this.#isHeldBack = isHeldBack(now);
      if (!this.#isHeldBack) this.#transitions.finish();
      return false;
    }
    this.#transitions.planned(steps);
    let aside: unknown;
    for (const step of steps) {
      try {
        await this.#perform(step);
      } catch (error) {
        if (!isAside(step)) throw error;
        aside = error;
      }
      if (this.#hinted || this.#stopping.signal.aborted) break;
    }
    this.#hinted = false;
    if (aside !== undefined) throw aside;
    return true;
  }

  /** The peers as the plan may rely on them: what ProxySQL here has failed on is no offer. */
  #peers(): PeerView[] {
    const { board, trial } = this.#node;
    return board
      .views()
      .map((peer) => (peer.best && !trial.allows(peer.best.lineage) ? { ...peer, best: null } : peer));
  }

  #roleChanged(role: NodeRole): void {
    const before = this.#role ?? "unknown";
    this.#role = role;
    this.#retryMs = firstRetryMs;
    this.#node.board.forgetAnswers();
    this.#node.shooting.roleSeen(role);
    this.#transitions.begin(before, role, this.#cause);
    this.#onRole(role);
    if (role === "unknown") {
      this.#node.log.error(
        { why: this.#observer.carpProblem },
        "the CARP role cannot be read: nothing is done",
      );
    }
  }

  /** Every step bounds itself; this bounds what none of them foresaw, such as a disk that hangs. */
  get #stepDeadlineMs(): number {
    const { proxysql, stonith } = this.#node.config;
    return Math.max(60_000, 2 * proxysql.start_timeout, stonith.timeout + 5_000);
  }

  async #perform(step: Step): Promise<void> {
    const began = monotonic();
    this.#step = new AbortController();
    const signal = AbortSignal.any([this.#step.signal, this.#stopping.signal]);
    try {
      const work = performStep(step, this.#node, this.#observer, signal);
      const detail = await withDeadline(work, this.#stepDeadlineMs, `The step ${step.kind}`);
      this.#transitions.done(step.kind, detail, monotonic() - began);
    } catch (error) {
      this.#transitions.failed(step.kind, sentenceOf(error), monotonic() - began, signal.aborted);
      throw error;
    } finally {
      this.#step = undefined;
    }
  }

  async #endStepIfRoleChanged(step: AbortController): Promise<void> {
    const { role } = await this.#observer.lookAtCarp();
    if (role !== this.#role) step.abort();
  }
}

function isAside(step: Step): boolean {
  return asideSteps.has(step.kind) || (step.kind === "demote" && step.why !== "given-away");
}
