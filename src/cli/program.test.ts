import type { Command } from "commander";
import { describe, expect, it } from "vitest";
import { createProgram } from "./program.js";

/** Every command with its full name: `snapshot diff`, and `` for the program itself. */
function all(command: Command = createProgram(), name = ""): { name: string; command: Command }[] {
  const below = command.commands.flatMap((one) => all(one, `${name} ${one.name()}`.trim()));
  return [{ name, command }, ...below];
}

function helpOf(command: Command): string {
  let text = "";
  command.configureOutput({ writeOut: (part) => (text += part) });
  command.outputHelp();
  return text;
}

/** The lines of `Examples:` that are typed, each without what a shell does with it. */
function examplesOf(help: string): string[] {
  const lines = help.split("\nExamples:\n")[1]?.split("\n") ?? [];
  return lines.filter((line) => /^ {2}[^#\s]/.test(line)).map((line) => line.trim());
}

/** The arguments of the first call of this program in a line of shell. */
function callIn(line: string): string[] | undefined {
  const call = /(?:^|\/)(?:proxysql-carp|cli\.js)(?=\s|$)((?:\s+(?:'[^']*'|"[^"]*"|[^\s'"|>&;]+))*)/.exec(
    line,
  )?.[1];
  return call?.match(/'[^']*'|"[^"]*"|\S+/g)?.map((word) => word.replace(/^(['"])(.*)\1$/, "$2"));
}

/** The command that a command line runs, or commander's complaint; nothing is really run. */
async function ranBy(words: readonly string[]): Promise<string> {
  const ran: string[] = [];
  const program = createProgram();
  for (const { name, command } of all(program)) {
    command.configureOutput({
      writeOut: () => undefined,
      writeErr: () => undefined,
      outputError: () => undefined,
    });
    if (command.commands.length === 0) command.action(() => void ran.push(name));
  }
  try {
    await program.parseAsync(words, { from: "user" });
  } catch (error) {
    return String(error);
  }
  return ran.join(" and ");
}

describe.each(all())("$name --help", ({ name, command }) => {
  const help = helpOf(command);

  it("says what the command is for, and what its arguments and flags are", () => {
    expect(command.description()).not.toBe("");
    for (const one of [...command.options, ...command.registeredArguments]) {
      expect(one.description, one.name()).not.toBe("");
      expect(help).toContain(one.name());
    }
  });

  it("has examples, all of which run this command", async () => {
    const calls = examplesOf(help).flatMap((line) => {
      const call = callIn(line);
      return call === undefined || call[0] === "help" ? [] : [call];
    });
    expect(calls.length).toBeGreaterThan(0);
    for (const call of calls) {
      const ran = await ranBy(call);
      expect(`${ran} `, call.join(" ")).toMatch(name === "" ? /^[a-z]+ / : new RegExp(`^${name} `));
    }
  });

  it("fits a terminal of 80 columns, what is typed and what is written to a file aside", () => {
    for (const line of help.split("\n")) {
      if (!/^ {2}command="/.test(line)) expect(line.length, line).toBeLessThanOrEqual(80);
    }
  });
});

describe("a wrong command line", () => {
  function complaint(words: readonly string[]): { text: string; exit: number } {
    const program = createProgram();
    let text = "";
    for (const { command } of all(program)) {
      command.configureOutput({ writeErr: (part) => (text += part), writeOut: (part) => (text += part) });
    }
    try {
      program.parse(words, { from: "user" });
    } catch (error) {
      return { text, exit: (error as { exitCode: number }).exitCode };
    }
    throw new Error("it was taken");
  }

  it.each([
    [
      "a flag that does not exist",
      ["status", "--jso"],
      "Did you mean --json?",
      "proxysql-carp status [options]",
    ],
    [
      "a command that does not exist",
      ["statsu"],
      "Did you mean status?",
      "proxysql-carp [options] [command]",
    ],
    [
      "a subcommand that does not exist",
      ["snapshot", "dif"],
      "Did you mean diff?",
      "proxysql-carp snapshot [options]",
    ],
    ["the beginning of a command", ["snap"], "Did you mean snapshot?", "proxysql-carp [options] [command]"],
    ["the beginning of two", ["snapshot", "d"], "Did you mean diff or drill?", "proxysql-carp snapshot"],
    [
      "the beginning of a flag",
      ["switchover", "--dry"],
      "Did you mean --dry-run?",
      "proxysql-carp switchover",
    ],
    ["what is like nothing", ["frobnicate"], "unknown command 'frobnicate'", "proxysql-carp [options]"],
    ["too many arguments", ["serve", "x"], "too many arguments", "proxysql-carp serve [options]"],
    [
      "a missing argument",
      ["snapshot", "diff", "a"],
      "missing required argument 'b'",
      "snapshot diff [options] <a> <b>",
    ],
    [
      "a flag without its value",
      ["history", "--limit"],
      "argument missing",
      "proxysql-carp history [options]",
    ],
    ["a family without its command", ["snapshot"], "Usage:", "proxysql-carp snapshot [options] [command]"],
    ["nothing", [], "Usage:", "proxysql-carp [options] [command]"],
  ])("is told with usage: %s", (_, words, sentence, usage) => {
    const { text, exit } = complaint(words);
    expect(text).toContain(sentence);
    expect(text).toContain(`Usage: ${usage.startsWith("snap") ? "proxysql-carp " : ""}${usage}`);
    expect(exit).toBe(1);
  });
});
