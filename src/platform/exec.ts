import type { Readable } from "node:stream";
import { execa } from "execa";
import { KnownError } from "./errors.js";

/** How a program ended. `code` is undefined when a signal ended it. */
export interface ProgramResult {
  readonly code: number | undefined;
  readonly stdout: string;
  readonly stderr: string;
}

/** Longest output kept of each stream, in bytes. What comes after it is read and dropped. */
const outputLimit = 4 * 1024 * 1024;

/** What a program gets beyond its arguments. */
export interface ProgramInput {
  /** Written to its stdin, which is then closed. It need not read it. */
  readonly stdin: string;
  /** Added to this process' own environment. */
  readonly env: Readonly<Record<string, string>>;
}

/** What an ended program wrote is in the pipe already: this long we go on reading while another holds it open. */
const lateOutputMs = 50;

/**
 * Runs a program without a shell until it ends itself, at most `ms` milliseconds. What it leaves running is not
 * waited for, even if that holds its output: daemon(8) does so for as long as its service lives. A program that ends
 * with a code other than 0 is a result, not an error; one that cannot be started is `command-failed`. One that is late
 * (`deadline`), or unwanted since `signal` aborted (`not-done`), gets SIGKILL together with its process group.
 */
export async function runProgram(
  program: string,
  args: readonly string[],
  ms: number,
  signal?: AbortSignal,
  input?: ProgramInput,
): Promise<ProgramResult> {
  const commandLine = [program, ...args].join(" ");
  const unwanted = (): KnownError => new KnownError("not-done", `${commandLine}: given up, not waited for.`);
  if (signal?.aborted) throw unwanted();

  // A group of its own (`detached`) can be killed as a whole. `execa` settles when the streams have ended or are
  // destroyed, and never rejects with `reject: false`.
  const given = input === undefined ? ({ stdin: "ignore" } as const) : { input: input.stdin, env: input.env };
  const child = execa(program, args, { detached: true, reject: false, buffer: false, ...given });
  const output = [collect(child.stdout), collect(child.stderr)] as const;
  const letGo = (): void => {
    child.stdout.destroy();
    child.stderr.destroy();
  };
  let late: NodeJS.Timeout | undefined;
  // After the timer one more round of reading: a busy process may find timer and output due at the same time.
  child.once("exit", () => {
    late = setTimeout(() => setImmediate(letGo), lateOutputMs);
  });

  let deadline: NodeJS.Timeout | undefined;
  let onAbort: (() => void) | undefined;
  const cut = new Promise<never>((_, reject) => {
    const end = (error: KnownError): void => {
      // Ended already, only its output is awaited: what is left of the group is the service it started.
      if (child.exitCode !== null || child.signalCode !== null) return;
      killGroup(child.pid);
      letGo();
      reject(error);
    };
    deadline = setTimeout(
      () => end(new KnownError("deadline", `${commandLine}: not done within ${ms} ms.`, { ms })),
      ms,
    );
    onAbort = () => end(unwanted());
    signal?.addEventListener("abort", onAbort);
  });
  try {
    const result = await Promise.race([child, cut]);
    // A signal that ended it is told by `signal`; without either it never ran.
    if (result.exitCode === undefined && result.signal === undefined) {
      throw new KnownError(
        "command-failed",
        `${commandLine} could not be run: ${result.originalMessage ?? result.shortMessage}`,
        {},
        result,
      );
    }
    return { code: result.exitCode, stdout: output[0](), stderr: output[1]() };
  } finally {
    clearTimeout(deadline);
    clearTimeout(late);
    if (onAbort) signal?.removeEventListener("abort", onAbort);
  }
}

/** Keeps what a stream brings, up to the limit, and returns it as text when asked. */
function collect(stream: Readable): () => string {
  const chunks: Buffer[] = [];
  let kept = 0;
  stream.on("data", (chunk: Buffer) => {
    const part = chunk.subarray(0, outputLimit - kept);
    kept += part.length;
    if (part.length > 0) chunks.push(part);
  });
  return () => Buffer.concat(chunks).toString("utf8");
}

/** Kills a program that has not ended, and its children. */
function killGroup(pid: number | undefined): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, "SIGKILL");
  } catch {
    // Ended in this very moment: nothing is left to kill.
  }
}
