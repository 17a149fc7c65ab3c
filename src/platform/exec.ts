import { execa } from "execa";
import { KnownError } from "./errors.js";

/** How a program ended. `code` is undefined when a signal ended it. */
export interface ProgramResult {
  readonly code: number | undefined;
  readonly stdout: string;
  readonly stderr: string;
}

/** Longest output kept of a program. More than that is not an answer we can read. */
const outputLimit = 4 * 1024 * 1024;

/**
 * Runs a program without a shell and waits for it, at most `ms` milliseconds; then it and the children that
 * share its output are left behind with SIGKILL. A program that ends with a code other than 0 is a result, not
 * an error; one that cannot be started, or is late, is an error (`command-failed`, `deadline`).
 */
export async function runProgram(
  program: string,
  args: readonly string[],
  ms: number,
): Promise<ProgramResult> {
  const result = await execa(program, args, {
    timeout: ms,
    killSignal: "SIGKILL",
    reject: false,
    stdin: "ignore",
    maxBuffer: outputLimit,
    stripFinalNewline: false,
  });
  const commandLine = [program, ...args].join(" ");
  if (result.timedOut) throw new KnownError("deadline", `${commandLine}: not done within ${ms} ms.`, { ms });
  if (result.exitCode === undefined && result.signal === undefined) {
    throw new KnownError(
      "command-failed",
      `${commandLine} could not be run: ${result.originalMessage ?? result.shortMessage}`,
      {},
      result,
    );
  }
  return { code: result.exitCode, stdout: result.stdout, stderr: result.stderr };
}
