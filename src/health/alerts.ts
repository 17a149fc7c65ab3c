import { inBackground } from "../platform/background.js";
import { sleep } from "../platform/clock.js";
import type { Logger } from "../platform/log.js";
import { runHook } from "./alert-hook.js";
import type { Reason } from "./reason.js";

/** What happened to a reason. */
export type AlertKind = "raised" | "cleared" | "repeated";

/** What the hook gets on its stdin. Described in docs/json.md; fields are only ever added. */
export interface AlertEvent {
  readonly schema: "proxysql-carp/alert/v1";
  readonly event: AlertKind;
  readonly node: string;
  /** This node's role when it happened. */
  readonly role: string;
  /** When it was seen; ISO 8601. */
  readonly at: string;
  readonly reason: Reason;
}

export interface AlertsOptions {
  /** A program and its arguments; without one, reasons are only logged. */
  readonly command: readonly string[] | undefined;
  /** How long one call may take; ms. */
  readonly timeout: number;
  readonly log: Logger;
}

/** Events that wait for the hook. More only if it hangs on every one of them while reasons come and go. */
const queueLimit = 100;
/** How long the end of the agent waits for events that the hook has not had yet. */
const stopMs = 3_000;

/** syslog and monitoring match these words: they stay as they are. */
const sentences = {
  raised: "reason raised",
  cleared: "reason cleared",
  repeated: "reason remains",
} as const;

/**
 * Tells the world what happened to reasons: a line in the log, and the operator's hook, once for each event, in order,
 * one at a time. `tell` returns at once whatever the hook does.
 */
export class Alerts {
  readonly #options: AlertsOptions;
  readonly #stopping = new AbortController();
  readonly #queue: AlertEvent[] = [];
  readonly #counts = { delivered: 0, failed: 0, dropped: 0 };
  #working: Promise<void> | undefined;

  constructor(options: AlertsOptions) {
    this.#options = options;
  }

  /** How events for the hook have ended since the agent's start; null without a hook. */
  get counts(): Readonly<Record<"delivered" | "failed" | "dropped", number>> | null {
    return this.#options.command === undefined ? null : { ...this.#counts };
  }

  tell(event: AlertEvent): void {
    this.#log(event);
    const { command, log } = this.#options;
    if (command === undefined || this.#stopping.signal.aborted) return;
    this.#queue.push(event);
    if (this.#queue.length > queueLimit) {
      const dropped = this.#queue.shift();
      this.#counts.dropped += 1;
      log.error(
        { event: dropped?.event, reason: dropped?.reason.code, about: dropped?.reason.about },
        "an alert is dropped: the hook does not keep up",
      );
    }
    this.#working ??= this.#work(command).finally(() => {
      this.#working = undefined;
    });
    inBackground(log, "calling the alert hook", this.#working);
  }

  /** Lets the hook have what waits for it, for a moment, then ends it. */
  async stop(): Promise<void> {
    const timer = new AbortController();
    await Promise.race([this.#working, sleep(stopMs, timer.signal)]);
    timer.abort();
    this.#stopping.abort();
    await this.#working;
  }

  async #work(command: readonly string[]): Promise<void> {
    const { timeout, log } = this.#options;
    for (let event = this.#queue.shift(); event !== undefined; event = this.#queue.shift()) {
      const failure = this.#stopping.signal.aborted
        ? "the agent ends"
        : await runHook(command, event, timeout, this.#stopping.signal);
      this.#counts[failure === undefined ? "delivered" : "failed"] += 1;
      if (failure === undefined) continue;
      const { code, about } = event.reason;
      log.error({ event: event.event, reason: code, about, why: failure }, "an alert was not delivered");
    }
  }

  #log({ event, reason }: AlertEvent): void {
    const { log } = this.#options;
    const { code, about, group, severity, sentence, todo, since } = reason;
    const fields = { reason: code, about, group, severity, why: sentence, todo, since };
    if (event === "cleared") log.info(fields, sentences.cleared);
    else if (severity === "critical") log.error(fields, sentences[event]);
    else log.warn(fields, sentences[event]);
  }
}
