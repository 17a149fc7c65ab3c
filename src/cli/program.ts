import { Command } from "commander";
import { version } from "../agent/version.js";
import { sentenceOf, systemCode } from "../platform/errors.js";
import { registerAgent } from "./agent.js";
import type { Cli } from "./cli.js";
import { registerCompletion } from "./completion.js";
import { registerConfig } from "./config.js";
import { registerDoctor } from "./doctor.js";
import { withExamples } from "./examples.js";
import { registerFence } from "./fence.js";
import { registerMaintenance } from "./maintenance.js";
import { registerOrchestrator } from "./orchestrator.js";
import { registerReasons } from "./reasons.js";
import { registerSetup } from "./setup.js";
import { registerSnapshot } from "./snapshot.js";
import { registerStatus } from "./status.js";
import { registerSwitchover } from "./switchover.js";

/** The program with all its commands; nothing is parsed yet, and no command's code is loaded. */
export function createProgram(): Command {
  const program = new Command("proxysql-carp")
    .description("Keeps the passive ProxySQL of a CARP pair ready, and makes ProxySQL follow the CARP role.")
    .option("--config <file>", "configuration file (else PROXYSQL_CARP_CONFIG, else the default)")
    .version(version, "--version", "print the version")
    .showSuggestionAfterError()
    .configureOutput({
      writeOut: (text) => {
        watchOutput();
        process.stdout.write(text);
      },
    })
    .hook("preAction", (_, command) => {
      // The log and the link's protocol see to their output themselves.
      if (!["agent", "serve"].includes(command.name())) watchOutput();
    })
    .exitOverride();
  withExamples(program, [
    ["proxysql-carp status", "who is active, and is the other node ready?"],
    ["proxysql-carp help snapshot", "what a command does"],
  ]);

  const cli: Cli = {
    program,
    configFile: async () => {
      const { configFileOf } = await import("../config/file.js");
      return configFileOf(program.opts<{ config?: string }>().config);
    },
    finish: async (exitCode) => {
      process.exitCode = await exitCode;
    },
  };
  // One line for each file of commands, in the order of --help.
  registerStatus(cli);
  registerReasons(cli);
  registerDoctor(cli);
  registerSwitchover(cli);
  registerMaintenance(cli);
  registerSnapshot(cli);
  registerFence(cli);
  registerOrchestrator(cli);
  registerSetup(cli);
  registerConfig(cli);
  registerCompletion(cli);
  registerAgent(cli);
  tellUsage(program);
  return program;
}

/** Behind every complaint about a command line: how the command is used, and where there is more. */
function tellUsage(command: Command): void {
  const names: string[] = [];
  for (let one: Command | null = command; one !== null; one = one.parent) names.unshift(one.name());
  const name = names.join(" ");
  command.showHelpAfterError(`Usage: ${name} ${command.usage()}\nMore: ${name} --help`);
  const { outputError = () => {} } = command.configureOutput();
  command.configureOutput({
    outputError: (text, write) => outputError(withSuggestion(text, command), write),
  });
  for (const one of command.commands) tellUsage(one);
}

/** commander suggests what is nearly the same; whoever types only the beginning of a name is to have it too. */
function withSuggestion(text: string, command: Command): string {
  const [, kind, typed = ""] = /^error: unknown (command|option) '([^']+)'\n$/.exec(text) ?? [];
  const names =
    kind === "command"
      ? command.commands.map((one) => one.name())
      : command.options.map(({ long }) => long ?? "");
  const meant = names.filter((name) => kind !== undefined && name.startsWith(typed));
  return meant.length === 0 ? text : `${text}(Did you mean ${meant.join(" or ")}?)\n`;
}

/** Sees to output that cannot be written, however often it is asked to. */
function watchOutput(): void {
  process.stdout.off("error", endWithoutOutput).once("error", endWithoutOutput);
}

/**
 * Whoever reads may stop reading (`status | head`): that is no error of ours, and what we end with stays as it is.
 * Output that cannot be written for another reason, such as a full disk, is told and is an error.
 */
function endWithoutOutput(error: Error): never {
  if (systemCode(error) === "EPIPE") process.exit();
  process.stderr.write(`proxysql-carp: standard output cannot be written: ${sentenceOf(error)}\n`);
  process.exit(1);
}
