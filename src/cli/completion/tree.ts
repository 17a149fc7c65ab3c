import type { Argument, Command, Option } from "commander";

export interface Described {
  readonly name: string;
  /** Empty if the name says it all. */
  readonly description: string;
}

/** What may stand in a place of the command line. */
export interface Candidates {
  readonly words: readonly Described[];
  /** Names of files as well. */
  readonly files: boolean;
}

/** A flag, and what may follow it; null for one that takes no value. */
export interface Flag extends Described {
  readonly value: Candidates | null;
}

/** A command as completion sees it. */
export interface CompletionCommand {
  /** `snapshot diff`; empty for the program itself. */
  readonly path: string;
  readonly flags: readonly Flag[];
  /** Its subcommands, or what its arguments may be, one after the other. */
  readonly operands: readonly Candidates[];
}

const nothing: Candidates = { words: [], files: false };
const files: Candidates = { words: [], files: true };
const newest = { name: "latest", description: "the newest snapshot" };
const configuration: Candidates = {
  words: [
    { name: "live", description: "what ProxySQL runs" },
    { name: "disk", description: "what its database has" },
    { name: "peer", description: "the newest snapshot of the peer" },
    newest,
  ],
  files: true,
};

/** What may stand in place of a value, by the name that --help gives it. */
const byName: Readonly<Record<string, Candidates>> = {
  file: files,
  dir: files,
  a: configuration,
  b: configuration,
  what: { words: [newest], files: true },
  id: { words: [newest], files: false },
  key: files,
  kind: {
    words: [
      { name: "warm", description: "ProxySQL runs on the passive node too" },
      { name: "cold", description: "it is stopped there" },
    ],
    files: false,
  },
  // What only the operator knows.
  duration: nothing,
  fingerprint: nothing,
  host: nothing,
  name: nothing,
  number: nothing,
  peer: nothing,
  port: nothing,
  server: nothing,
  subsystem: nothing,
  text: nothing,
  time: nothing,
  user: nothing,
  vhid: nothing,
};

/** The program and all its commands. The program's own flags may stand behind any command. */
export function completionTree(program: Command): CompletionCommand[] {
  const everywhere = program.options.filter(({ required }) => required).map(flagOf);
  const help = { name: "--help", description: "what the command does, and examples", value: null };
  const [top, ...rest] = below(program, "").map((one) => {
    const own = new Set(one.flags.map(({ name }) => name));
    return { ...one, flags: [...one.flags, ...everywhere.filter(({ name }) => !own.has(name)), help] };
  });
  if (top === undefined) return [];
  const commands = program.commands.map(described);
  const toHelp = { name: "help", description: "what a command does" };
  return [
    { ...top, operands: [{ words: [...commands, toHelp], files: false }] },
    ...rest,
    { path: "help", flags: [], operands: [{ words: commands, files: false }] },
  ];
}

function below(command: Command, path: string): CompletionCommand[] {
  const operands =
    command.commands.length > 0
      ? [{ words: command.commands.map(described), files: false }]
      : command.registeredArguments.map(operandOf);
  const own = { path, flags: command.options.map(flagOf), operands };
  return [own, ...command.commands.flatMap((one) => below(one, `${path} ${one.name()}`.trim()))];
}

function described(command: Command): Described {
  return { name: command.name(), description: command.description() };
}

function operandOf(argument: Argument): Candidates {
  return candidatesOf(argument.name(), argument.argChoices);
}

function flagOf({ long, flags, description, required, argChoices }: Option): Flag {
  const valueName = /<([a-z-]+)/.exec(flags)?.[1] ?? "";
  return { name: long ?? flags, description, value: required ? candidatesOf(valueName, argChoices) : null };
}

function candidatesOf(name: string, choices: readonly string[] | undefined): Candidates {
  if (choices !== undefined)
    return { words: choices.map((one) => ({ name: one, description: "" })), files: false };
  return byName[name] ?? nothing;
}

/** True if it is known what may stand in place of `<name>`, be it nothing. */
export function isKnownValue(name: string): boolean {
  return name in byName;
}
