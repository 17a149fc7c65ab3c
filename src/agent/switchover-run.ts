import { errorFields } from "../platform/background.js";
import { monotonic, withDeadline } from "../platform/clock.js";
import { isKnown, KnownError, sentenceOf } from "../platform/errors.js";
import { chooseTaker } from "../switchover/pair.js";
import type { Progress } from "../switchover/progress.js";
import { refusalsOf } from "../switchover/refusals.js";
import { planSwitchover, type SwitchoverStep } from "../switchover/steps.js";
import type { AgentContext } from "./context.js";
import type { Observer } from "./observer.js";
import { lookAtPair } from "./switchover-pair.js";
import { type Giving, giveStep, takerLeads } from "./switchover-steps.js";
import { undoSwitchover } from "./switchover-undo.js";
import type { HealthWatch } from "./watch-health.js";

/** How a switchover is asked for. */
export interface SwitchoverOptions {
  /** The peer that is to take the role; null for the one that CARP would choose. */
  readonly to: string | null;
  readonly force: boolean;
  readonly dryRun: boolean;
  /** For the whole, without the undoing; ms. */
  readonly timeoutMs: number;
}

export interface SwitchoverParts {
  readonly node: AgentContext;
  readonly observer: Observer;
  readonly health: Pick<HealthWatch, "reasons">;
  readonly hint: (cause: string) => void;
}

/** No step waits longer, except for those that the peer's snapshot or CARP may hold up. */
const shortStepMs = 12_000;
/** What the moving and proving may count on even when the shipping took long. */
const moveReserveMs = 10_000;
/** Even when the time is up: something that takes no time is to be done, not given up. */
const leastMs = 1_000;

/** What ends a switchover before it is through. */
export interface Ending {
  /** An operator gives it up: followed until the peer has the role. */
  readonly cancel: AbortSignal;
  /** The agent stops: followed at once, and nobody waits for more than must be. */
  readonly stop: AbortSignal;
}

/** Performs a switchover to its end, whatever that is: `progress` tells. Never rejects for what is known. */
export async function runSwitchover(
  parts: SwitchoverParts,
  options: SwitchoverOptions,
  progress: Progress,
  ending: Ending,
): Promise<void> {
  const giving = await check(parts, options, progress);
  if (giving === undefined) return;
  const end = monotonic() + options.timeoutMs;
  const { node } = parts;
  node.journal.addNote("switchover-begins", { id: progress.id, to: progress.to });
  node.log.info(`switchover ${progress.id} to ${progress.to} begins`);
  try {
    for (const { step } of progress.document().steps) {
      if (step === "check") continue;
      if (signalFor(step, ending).aborted)
        throw new KnownError("not-done", `It was given up before "${step}".`);
      await perform(step, giving, end, options.timeoutMs, signalFor(step, ending));
    }
    progress.over("done");
  } catch (error) {
    await afterFailure(giving, error, ending);
  }
  const { state, ms, unservedMs, error } = progress.document();
  node.journal.addNote("switchover", { id: progress.id, to: progress.to, state, ms, unservedMs, error });
  if (state === "done") node.log.info(`switchover to ${progress.to} done in ${ms} ms`);
  else node.log.error({ to: progress.to, state, error }, "a switchover did not come through");
}

async function check(
  { node, observer, health, hint }: SwitchoverParts,
  options: SwitchoverOptions,
  progress: Progress,
): Promise<Giving | undefined> {
  progress.plan([{ step: "check", what: "ask the peers whether they are ready" }]);
  progress.begin("check");
  const pair = await lookAtPair(node, observer, health, options.to);
  const found = refusalsOf(pair);
  const overridden = found.filter(({ canForce }) => canForce && options.force);
  const refusals = found.filter((refusal) => !overridden.includes(refusal));
  const taker = chooseTaker(pair);
  if (taker !== undefined) progress.to = taker.name;
  progress.plan(planSwitchover(pair));
  progress.refusals(refusals, overridden);
  if (refusals.length > 0) progress.failed("check", refusals.map(({ sentence }) => sentence).join(" "));
  else progress.done("check", undefined);
  if (options.dryRun) progress.over("planned");
  else if (refusals.length > 0) progress.over("refused");
  else return { node, observer, progress, hint, peerStandsAside: taker?.demotion?.why === "switchover" };
  return undefined;
}

/** Once the peer has the role it is finished, and not given up any more. */
function signalFor(step: SwitchoverStep, { cancel, stop }: Ending): AbortSignal {
  return step === "prove" || step === "settle" ? stop : AbortSignal.any([cancel, stop]);
}

async function perform(
  step: Exclude<SwitchoverStep, "check">,
  giving: Giving,
  end: number,
  timeoutMs: number,
  signal: AbortSignal,
): Promise<void> {
  const { progress } = giving;
  const left = end - monotonic();
  const reserve = step === "ship" ? Math.min(moveReserveMs, timeoutMs / 2) : 0;
  const waits = step === "ship" || step === "move" || step === "prove";
  const drain = step === "drain" ? giving.node.config.proxysql.drain_timeout + shortStepMs : shortStepMs;
  const ms = Math.round(Math.max(leastMs, waits ? left - reserve : drain));
  progress.begin(step);
  const began = monotonic();
  try {
    // The step minds its own deadline; this is for one that hangs.
    const work = withDeadline(giveStep(step, giving, ms, signal), ms + leastMs, `The step ${step}`);
    const detail = await unlessAborted(work, signal);
    progress.done(step, detail);
    tell(giving, step, "done", detail, monotonic() - began);
  } catch (error) {
    progress.failed(step, sentenceOf(error));
    tell(giving, step, signal.aborted ? "abandoned" : "failed", sentenceOf(error), monotonic() - began);
    throw error;
  }
}

function tell(
  { node }: Giving,
  step: string,
  outcome: "done" | "failed" | "abandoned",
  detail: string | undefined,
  ms: number,
): void {
  const said = outcome === "done" ? { ...(detail === undefined ? {} : { detail }) } : { error: detail ?? "" };
  node.journal.addStep(null, { step: `switchover ${step}`, outcome, ms, ...said });
}

/** A step that hangs must not keep an operator's wish to end it from being followed. */
function unlessAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const giveUp = (): void => reject(new KnownError("not-done", "It was given up."));
    if (signal.aborted) giveUp();
    signal.addEventListener("abort", giveUp, { once: true });
    work.then(resolve, reject).finally(() => signal.removeEventListener("abort", giveUp));
  });
}

async function afterFailure(giving: Giving, error: unknown, { cancel, stop }: Ending): Promise<void> {
  const { node, observer, progress } = giving;
  const sentence = stop.aborted
    ? "The agent stops."
    : cancel.aborted
      ? "It was cancelled."
      : sentenceOf(error);
  if (!isKnown(error)) node.log.error(errorFields(error), "a step of a switchover failed unforeseen");
  if (node.switchover.current === null) {
    // Nothing was begun, so nothing is to be undone.
    progress.over("undone", sentence);
    return;
  }
  if (stop.aborted) {
    // Where the role has moved it stays moved; the next start tells of the record.
    if ((await observer.lookAtCarp()).role === "MASTER") await undoSwitchover(giving, true);
    progress.over("failed", sentence);
    return;
  }
  // It may have come through while we gave it up.
  if (await takerLeads(giving)) {
    progress.servesAgain();
    progress.undone(`${progress.to} is MASTER and serves all the same: nothing is undone`);
    node.switchover.end();
    giving.hint("the switchover is over");
    progress.over("done", sentence);
    return;
  }
  const outcome = await undoSwitchover(giving, false);
  if (outcome === "moved") {
    progress.servesAgain();
    progress.undone(`${progress.to} took the role meanwhile, and serves`);
  }
  progress.over(overAs[outcome], sentence);
}

const overAs = { back: "undone", moved: "done", neither: "failed" } as const;
