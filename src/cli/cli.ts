import type { Command } from "commander";

/** What a file that registers commands gets: src/cli/program.ts makes it. */
export interface Cli {
  readonly program: Command;
  /** The file that a command reads its configuration from. */
  configFile(): Promise<string>;
  /** Ends the process with the exit code that a command comes to. */
  finish(exitCode: Promise<number>): Promise<void>;
}
