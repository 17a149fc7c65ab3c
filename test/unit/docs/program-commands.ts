import type { Command } from "commander";
import { createProgram } from "../../../src/cli/program.js";

/** A command of the program, as commander knows it. */
export interface ProgramCommand {
  /** `snapshot diff`; empty for the program itself. */
  readonly name: string;
  readonly command: Command;
  /** `--json`, of this command alone. */
  readonly flags: readonly string[];
  /** False for the program and for a family, such as `snapshot`, which does nothing by itself. */
  readonly leaf: boolean;
}

/** The program and all its commands, in the order of --help. */
export function programCommands(): ProgramCommand[] {
  return below(createProgram(), "");
}

function below(command: Command, name: string): ProgramCommand[] {
  const flags = command.options.map(({ long }) => long ?? "");
  const within = command.commands.flatMap((one) => below(one, `${name} ${one.name()}`.trim()));
  return [{ name, command, flags, leaf: command.commands.length === 0 }, ...within];
}

/** A command's own flags, each with the name of its value; undefined for one that takes none. */
export function flagsOf(command: Command): Map<string, string | undefined> {
  return new Map(command.options.map(({ long, flags }) => [long ?? "", valueName(flags)]));
}

/** `group` of `--group <group>`. */
export function valueName(flags: string): string | undefined {
  return /<([a-z-]+)/.exec(flags)?.[1];
}
