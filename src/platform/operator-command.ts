import { isKnown } from "./errors.js";
import { type ProgramInput, type ProgramResult, runProgram } from "./exec.js";

/** As much of what a failed command complained about as is worth a log field. */
const complaintLimit = 500;

/**
 * Runs a command that the operator has configured, without a shell, and after `ms` milliseconds kills it with all its
 * children. Resolves with why it failed, undefined if it ended with 0; never rejects for anything that the command does.
 * Its arguments may hold a secret, so they are never told.
 */
export async function runOperatorCommand(
  command: readonly string[],
  ms: number,
  signal: AbortSignal,
  input: ProgramInput,
): Promise<string | undefined> {
  const [program = "", ...args] = command;
  try {
    return complaintOf(program, await runProgram(program, args, ms, signal, input));
  } catch (error) {
    if (isKnown(error, "deadline")) return `${program} was killed, it had not ended within ${ms} ms`;
    if (isKnown(error, "not-done")) return `${program} was killed, it was not wanted any more`;
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
