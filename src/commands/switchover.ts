import { loadConfig } from "../config/load.js";
import type { Config } from "../config/schema.js";
import { type ControlRequest, nodeName } from "../control/protocol.js";
import { monotonic, sleep } from "../platform/clock.js";
import { parseDuration } from "../platform/duration.js";
import { isKnown, KnownError } from "../platform/errors.js";
import { isOver, type SwitchoverDocument } from "../switchover/document.js";
import { canAsk, confirm } from "./ask.js";
import { askAgent } from "./ask-agent.js";
import { colours } from "./colour.js";
import { describeEnd, describePlan } from "./format-switchover.js";
import { givingUp } from "./give-up.js";
import { type ShowProgress, sayOnStderr, showProgress } from "./show-switchover.js";

export interface SwitchoverCommandOptions {
  readonly to?: string;
  readonly force?: boolean;
  readonly dryRun?: boolean;
  readonly timeout?: string;
  readonly yes?: boolean;
  readonly json?: boolean;
}

const pollMs = 100;
/** The agent's own undoing is bounded; after that nobody knows more than `status` tells. */
const undoMs = 40_000;
const defaultTimeoutMs = 30_000;
const shortestTimeoutMs = 1_000;
const longestTimeoutMs = 3_600_000;

/**
 * `switchover`: moves the role to the other node, from whichever of the two. The agents do it; this only asks, and tells
 * how it goes. Exit code 0 if the role has moved (with `--dry-run`: could move), 1 if not, 3 without an agent.
 */
export async function switchover(configFile: string, options: SwitchoverCommandOptions): Promise<number> {
  const timeoutMs = readTimeout(options.timeout);
  const { dryRun = false, yes = false, json = false, force = false, to = null } = options;
  if (to !== null && !nodeName.test(to))
    throw new KnownError("usage", `--to: expected a node's name, found "${to}".`);
  if (!dryRun && !yes && (json || !canAsk())) {
    throw new KnownError(
      "usage",
      "switchover asks before it moves the role: give --yes where nobody can answer.",
    );
  }
  const config = loadConfig(configFile);
  const start = (dry: boolean): Promise<SwitchoverDocument> =>
    ask(config, { op: "switchover", to, force, dryRun: dry, timeoutMs });
  if (dryRun || !yes) {
    const planned = await follow(config, await start(true), timeoutMs);
    if (json) print(planned);
    else process.stdout.write(describePlan(planned, colours(process.stdout)));
    if (dryRun || planned.refusals.length > 0) return planned.refusals.length > 0 ? 1 : 0;
    if (!(await confirm(`Move the role from ${planned.from} to ${planned.to}?`))) return 1;
  }
  const ended = await run(
    config,
    () => start(false),
    timeoutMs,
    json ? undefined : showProgress(process.stdout),
  );
  if (json) print(ended);
  else process.stdout.write(describeEnd(ended, colours(process.stdout)));
  return ended.state === "done" ? 0 : 1;
}

function readTimeout(text: string | undefined): number {
  if (text === undefined) return defaultTimeoutMs;
  const ms = parseDuration(text);
  if (ms !== undefined && ms >= shortestTimeoutMs && ms <= longestTimeoutMs) return ms;
  throw new KnownError("usage", `--timeout ${text} is not a duration between 1s and 1h, such as 30s.`);
}

/**
 * Begins a switchover and follows it to its end. Ctrl-C and the like ask the agent to give it up, from the moment on in
 * which it may begin, and the end is still told; a second Ctrl-C ends the command alone.
 */
async function run(
  config: Config,
  start: () => Promise<SwitchoverDocument>,
  timeoutMs: number,
  show: ShowProgress | undefined,
): Promise<SwitchoverDocument> {
  const { wish, begun, passOn } = givingUp(config, show?.say ?? sayOnStderr);
  const signals = ["SIGINT", "SIGTERM"] as const;
  let times = 0;
  // Not `once`: whoever hides the cursor listens too, and ends the process where nobody else does any more.
  const heard = (signal: NodeJS.Signals): void => {
    times += 1;
    if (times === 1) {
      wish();
      return;
    }
    process.removeListener(signal, heard);
    process.kill(process.pid, signal);
  };
  for (const signal of signals) process.on(signal, heard);
  try {
    const document = await start();
    begun(document.id);
    return await follow(config, document, timeoutMs, show, passOn);
  } finally {
    for (const signal of signals) process.removeListener(signal, heard);
    await show?.end();
  }
}

async function follow(
  config: Config,
  begun: SwitchoverDocument,
  timeoutMs: number,
  show?: ShowProgress,
  beforeLook?: () => void,
): Promise<SwitchoverDocument> {
  const end = monotonic() + timeoutMs + undoMs;
  let document = begun;
  show?.update(document);
  while (!isOver(document)) {
    if (monotonic() > end)
      throw new KnownError("deadline", `The switchover ${begun.id} has not ended within its time.`);
    await sleep(pollMs);
    beforeLook?.();
    document = await lookAgain(config, document);
    show?.update(document);
  }
  return document;
}

/** One look that comes too late is no end; an agent that is gone is. */
async function lookAgain(config: Config, last: SwitchoverDocument): Promise<SwitchoverDocument> {
  try {
    return await ask(config, { op: "switchover-progress", id: last.id });
  } catch (error) {
    if (!isKnown(error, "agent-unreachable")) throw error;
    if (isKnown(error.cause, "deadline")) return last;
    throw new KnownError(
      "agent-unreachable",
      `${error.message} The switchover ${last.id} is finished or undone when the agent starts again.`,
      {},
      error,
    );
  }
}

async function ask(config: Config, request: ControlRequest): Promise<SwitchoverDocument> {
  return (await askAgent(config, request)).switchover as SwitchoverDocument;
}

function print(document: SwitchoverDocument): void {
  process.stdout.write(`${JSON.stringify(document, null, 2)}\n`);
}
