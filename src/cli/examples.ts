import type { Command } from "commander";

/** The line as it is typed, without the prompt, and what it does. */
export type Example = readonly [line: string, what: string];

/** Adds `Examples:` to a command's --help: each what it is for, and below it the line. */
export function withExamples(command: Command, examples: readonly Example[]): Command {
  const lines = examples.map(([line, what]) => `  # ${what}\n  ${line}\n`);
  return command.addHelpText("after", `\nExamples:\n${lines.join("")}`.trimEnd());
}
