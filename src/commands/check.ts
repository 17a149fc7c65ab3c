import { loadConfig } from "../config/load.js";
import { type ReasonGroup, reasonGroups } from "../health/reason.js";
import { parseDuration } from "../platform/duration.js";
import { KnownError, sentenceOf } from "../platform/errors.js";
import { askStatus } from "./ask-status.js";
import { checkLine, exitCodes, unknownLine } from "./check-line.js";

const usualTimeout = "5s";

/**
 * `check`: one line for a monitoring system, with exit code 0 OK, 1 WARNING, 2 CRITICAL or 3 UNKNOWN, as the Monitoring
 * Plugins' guidelines have it. Whatever is wrong with the question, the configuration or the agent is UNKNOWN with a
 * sentence; there is no other output.
 */
export async function check(
  configFile: string,
  options: { group?: string; timeout?: string },
): Promise<number> {
  try {
    const group = groupOf(options.group);
    const status = await askStatus(loadConfig(configFile), timeoutOf(options.timeout));
    const { state, line } = checkLine(status, group);
    process.stdout.write(line);
    return exitCodes[state];
  } catch (error) {
    process.stdout.write(unknownLine(sentenceOf(error)));
    return exitCodes.UNKNOWN;
  }
}

function groupOf(text: string | undefined): ReasonGroup | undefined {
  const group = reasonGroups.find((name) => name === text);
  if (text !== undefined && group === undefined)
    throw new KnownError("usage", `--group: expected one of ${reasonGroups.join(", ")}, found "${text}".`);
  return group;
}

function timeoutOf(text = usualTimeout): number {
  const ms = parseDuration(text);
  if (ms === undefined || ms < 100 || ms > 300_000)
    throw new KnownError("usage", `--timeout: expected a duration, 100ms to 5m, found "${text}".`);
  return ms;
}
