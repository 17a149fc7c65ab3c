import { isKnown } from "../platform/errors.js";
import { type ProgramResult, runProgram } from "../platform/exec.js";
import { printable } from "../platform/printable.js";
import type { AlertEvent } from "./alerts.js";

/** As much of what a failed hook complained about as is worth a log field. */
const complaintLimit = 500;
/** The system bounds a variable's length. The JSON has the whole. */
const variableLimit = 4_000;

/**
 * Runs the operator's hook for one event, without a shell: JSON on stdin, the same in short in the environment. After
 * `ms` it is killed with all its children. Resolves with why it failed, undefined if it ended with 0; never rejects for
 * anything that the hook does. Its arguments may hold a token, so they are never told.
 */
export async function runHook(
  command: readonly string[],
  event: AlertEvent,
  ms: number,
  signal: AbortSignal,
): Promise<string | undefined> {
  const [program = "", ...args] = command;
  const input = { stdin: `${JSON.stringify(event)}\n`, env: environmentOf(event) };
  try {
    return complaintOf(program, await runProgram(program, args, ms, signal, input));
  } catch (error) {
    if (isKnown(error, "deadline")) return `${program} was killed, it had not ended within ${ms} ms`;
    if (isKnown(error, "not-done")) return `${program} was killed, the agent ends`;
    if (isKnown(error, "command-failed")) return `${program} could not be run`;
    throw error;
  }
}

function complaintOf(program: string, { code, stderr }: ProgramResult): string | undefined {
  if (code === 0) return undefined;
  const end = code === undefined ? "was ended by a signal" : `ended with ${code}`;
  const complaint = stderr.trim().slice(-complaintLimit);
  return `${program} ${end}${complaint === "" ? "" : `: ${complaint}`}`;
}

/** What came from elsewhere goes in as one line; a zero byte would keep the hook from being started at all. */
function environmentOf({ event, node, role, reason }: AlertEvent): Record<string, string> {
  const { code, severity, group, about, sentence, since } = reason;
  const values = {
    EVENT: event,
    CODE: code,
    SEVERITY: severity,
    GROUP: group,
    ABOUT: about ?? "",
    SENTENCE: sentence,
    NODE: node,
    ROLE: role,
    SINCE: since,
  };
  return Object.fromEntries(
    Object.entries(values).map(([name, value]) => [
      `PROXYSQL_CARP_${name}`,
      printable(value).slice(0, variableLimit),
    ]),
  );
}
