import { type AlertKind, Alerts } from "../health/alerts.js";
import { findReasons } from "../health/find.js";
import { Lasting } from "../health/lasting.js";
import { type Finding, type Reason, type ReasonCode, reasonKinds } from "../health/reason.js";
import { keyOf, ReasonBook } from "../health/reason-book.js";
import { errorFields, inBackground } from "../platform/background.js";
import { monotonic, wallClock } from "../platform/clock.js";
import type { AgentContext } from "./context.js";
import type { DrillRecord } from "./drills.js";
import { FactGatherer, type HealthSources } from "./facts.js";
import type { Observer } from "./observer.js";
import type { OwnDigests } from "./own-digests.js";
import type { Reconciler } from "./reconciler.js";

const lookEveryMs = 1_000;
/** After a restart, reasons from before it stay until all has been looked at, but no longer than this. */
const settleMs = 15_000;
const defaultUnfitAfterMs = 3_000;

/**
 * This host's own trouble that makes it unfit to be MASTER. Never a peer's: two nodes that both wait for the other to be
 * well would leave the address to nobody.
 */
const unfitCodes: ReadonlySet<ReasonCode> = new Set([
  "no-verified-snapshot",
  "drill-failed",
  "table-definitions-differ",
  "role-unknown",
  "lock-unreachable",
  "maintenance-on",
  "proxysql-down",
  "not-serving",
  "disk-nearly-full",
  "journal-not-writable",
]);

/** May this node be made MASTER now, as far as this host itself is concerned? */
export interface Fitness {
  /** null before it was looked at. */
  readonly fit: boolean | null;
  /** The first cause why not. */
  readonly why: string | null;
}

export interface HealthWatchOptions extends HealthSources {
  /** How long a cause must stay until the node is unfit; ms. It is fit at once when the cause is gone. */
  readonly unfitAfterMs?: number;
}

/** Looks at health every second: which reasons there are, who is to be told, and whether this node may be MASTER. */
export class HealthWatch {
  readonly #node: AgentContext;
  readonly #observer: Observer;
  readonly #options: HealthWatchOptions;
  readonly #gatherer: FactGatherer;
  readonly #book: ReasonBook;
  readonly #alerts: Alerts;
  readonly #lasting = new Lasting();
  #kept: readonly Reason[];
  #fitness: Fitness = { fit: null, why: null };
  #began: number | undefined;
  #timer: NodeJS.Timeout | undefined;
  #looking: Promise<void> | undefined;
  #lookedAt = monotonic();
  #quarantined: number | null = null;
  #again = false;
  #unsaved = false;
  #trouble: string | undefined;

  constructor(node: AgentContext, observer: Observer, reconciler: Reconciler, options: HealthWatchOptions) {
    const { command, timeout, repeat } = node.config.alerts;
    this.#node = node;
    this.#observer = observer;
    this.#options = options;
    this.#book = new ReasonBook(node.journal.read("reasons"), repeat);
    this.#kept = this.#book.reasons;
    this.#gatherer = new FactGatherer(node, observer, reconciler, options, this.#kept);
    this.#alerts = new Alerts({ command, timeout, log: node.log });
  }

  /** The worst first. From the last look, or from before a restart until there was one. */
  get reasons(): readonly Reason[] {
    return this.#book.reasons;
  }

  get fitness(): Fitness {
    return this.#fitness;
  }

  /** What peers may compare with theirs. */
  get digests(): OwnDigests {
    return this.#gatherer.digests;
  }

  /** How the alert hook's runs ended; null without a hook. */
  get alertCounts(): Readonly<Record<string, number>> | null {
    return this.#alerts.counts;
  }

  get drill(): DrillRecord | null {
    return this.#options.drill();
  }

  /** How long ago the last look ended; ms. */
  get quietForMs(): number {
    return monotonic() - this.#lookedAt;
  }

  /** Snapshots in quarantine; null before they were counted. */
  get quarantined(): number | null {
    return this.#quarantined;
  }

  start(): void {
    this.#began ??= monotonic();
    this.#timer ??= setInterval(() => this.hint(), lookEveryMs);
    this.hint();
  }

  /** Something may have changed: look now. */
  hint(): void {
    if (this.#timer === undefined) return;
    if (this.#looking !== undefined) {
      this.#again = true;
      return;
    }
    this.#looking = this.#lookAll().finally(() => {
      this.#looking = undefined;
    });
    inBackground(this.#node.log, "looking at health", this.#looking);
  }

  async stop(): Promise<void> {
    clearInterval(this.#timer);
    this.#timer = undefined;
    this.#again = false;
    await this.#looking;
    await this.#alerts.stop();
  }

  async #lookAll(): Promise<void> {
    do {
      this.#again = false;
      await this.#look();
    } while (this.#again);
  }

  async #look(): Promise<void> {
    try {
      const facts = await this.#gatherer.gather();
      const findings = findReasons(facts);
      const settled =
        this.#gatherer.isComplete(facts) ||
        monotonic() - (this.#began ?? Number.NEGATIVE_INFINITY) > settleMs;
      if (settled) {
        this.#kept = [];
        this.#judge(findings);
      }
      this.#tell(withKept(findings, this.#kept));
      this.#quarantined = facts.snapshots.quarantine.length;
      this.#lookedAt = monotonic();
      this.#trouble = undefined;
    } catch (error) {
      const { log } = this.#node;
      // A look that fails is made again in a second, and is logged when it fails in another way.
      const fields = errorFields(error);
      if (fields.error !== this.#trouble) log.error(fields, "health could not be looked at");
      this.#trouble = String(fields.error);
    }
  }

  #judge(findings: readonly Finding[]): void {
    const found = findings.filter(({ code }) => unfitCodes.has(code));
    const why = found.find(({ code }) => reasonKinds[code].severity === "critical") ?? found[0];
    const forMs = this.#lasting.look("unfit", why !== undefined, monotonic());
    const isUnfit = why !== undefined && forMs >= (this.#options.unfitAfterMs ?? defaultUnfitAfterMs);
    const fitness: Fitness = isUnfit ? { fit: false, why: why.sentence } : { fit: true, why: null };
    if (fitness.fit !== this.#fitness.fit) {
      const { log } = this.#node;
      if (isUnfit) log.warn({ why: why.sentence }, "this node is not fit to be MASTER");
      else log.info("this node is fit to be MASTER");
    }
    this.#fitness = fitness;
  }

  #tell(findings: readonly Finding[]): void {
    const now = wallClock();
    const { raised, cleared, repeated } = this.#book.update(findings, now);
    const tell = (event: AlertKind, reasons: readonly Reason[]): void => {
      for (const reason of reasons) {
        this.#alerts.tell({
          schema: "proxysql-carp/alert/v1",
          event,
          node: this.#node.config.node.name,
          role: this.#observer.carp.role,
          at: new Date(now).toISOString(),
          reason,
        });
      }
    };
    tell("raised", raised);
    tell("cleared", cleared);
    tell("repeated", repeated);
    if (raised.length + cleared.length + repeated.length > 0) this.#unsaved = true;
    this.#save();
  }

  /** Also finds out whether a journal that could not be written can be again. */
  #save(): void {
    const { journal, log } = this.#node;
    const wasWritable = journal.writable;
    if (!this.#unsaved && wasWritable) return;
    try {
      journal.write({ reasons: this.#book.toKeep() });
      this.#unsaved = false;
    } catch (error) {
      // It is a reason of its own from the next look on, and tried again then.
      if (wasWritable) log.error(errorFields(error), "the journal cannot be written");
    }
  }
}

function withKept(findings: readonly Finding[], kept: readonly Reason[]): readonly Finding[] {
  const found = new Set(findings.map(keyOf));
  return [...findings, ...kept.filter((reason) => !found.has(keyOf(reason)))];
}
