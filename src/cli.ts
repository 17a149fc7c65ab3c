#!/usr/bin/env node
import { setFlagsFromString } from "node:v8";
import { CommanderError } from "commander";
import { createProgram } from "./cli/program.js";
import { isKnown, KnownError } from "./platform/errors.js";
import { printable } from "./platform/printable.js";

// V8 lets the young generation grow to 16 MiB and more for throughput that a program at rest never needs: this keeps
// some 15 MiB of the agent's memory, and of each serving process's.
setFlagsFromString("--semi-space-growth-factor=1");

// The commands are registered in src/cli/program.ts, which tests read without running anything.
try {
  await createProgram().parseAsync();
} catch (error) {
  process.exitCode = explain(error);
  // Something may still hold the process: what failed to stop must not keep it from ending.
  setTimeout(() => process.exit(), 1_000).unref();
}

/** Tells an error on stderr and returns the exit code. What we know is one sentence and a hint; a bug keeps its stack. */
function explain(error: unknown): number {
  if (error instanceof CommanderError)
    return error.exitCode === 1 ? new KnownError("usage", "").exitCode : error.exitCode;
  if (!isKnown(error)) {
    tell(`this is a bug: ${error instanceof Error ? error.stack : String(error)}`);
    return 1;
  }
  tell(error.message);
  if (error.hint !== "") process.stderr.write(`${error.hint}\n`);
  return error.exitCode;
}

/** What failed may be told in a peer's words, or with a name from a file: the terminal is to obey none of it. */
function tell(text: string): void {
  process.stderr.write(`proxysql-carp: ${text.split("\n").map(printable).join("\n")}\n`);
}
