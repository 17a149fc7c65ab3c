#!/usr/bin/env node
import { setFlagsFromString } from "node:v8";
import { Command, CommanderError } from "commander";
import { version } from "./agent/version.js";
import { isKnown, KnownError, sentenceOf, systemCode } from "./platform/errors.js";

// V8 lets the young generation grow to 16 MiB and more for throughput that a program at rest never needs: this keeps
// some 15 MiB of the agent's memory, and of each serving process's.
setFlagsFromString("--semi-space-growth-factor=1");

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

/** The file that a command reads its configuration from. */
async function configFile(): Promise<string> {
  const { configFileOf } = await import("./config/load.js");
  return configFileOf(program.opts<{ config?: string }>().config);
}

program
  .command("agent")
  .description("run the resident process in the foreground")
  .action(async () => finish((await import("./commands/agent.js")).runAgent(await configFile())));

program
  .command("status")
  .description("tell what this node is and holds, and how its peers are")
  .option("--json", "one JSON document instead of text")
  .action(async (options: { json?: boolean }) =>
    finish((await import("./commands/status.js")).showStatus(await configFile(), options)),
  );

program
  .command("notify")
  .description("give a CARP event to the agent, or leave it in the spool")
  .argument("<type>", "MASTER, BACKUP or INIT")
  .argument("<subsystem>", "vhid@interface, such as 9@em0")
  .action(async (type: string, subsystem: string) =>
    finish((await import("./commands/notify.js")).notify(await configFile(), type, subsystem)),
  );

program
  .command("serve")
  .description("the forced command of the peer's key: speaks the link's protocol on stdin and stdout")
  .action(async () => finish((await import("./commands/serve.js")).serveLink(await configFile())));

program
  .command("config")
  .description("look at the configuration")
  .command("check")
  .description("read the configuration file and tell every mistake in it")
  .action(async () => finish((await import("./commands/config-check.js")).checkConfig(await configFile())));

program
  .command("snapshot")
  .description("snapshots of the configuration")
  .command("take")
  .description("take one that was held back because a table is empty now")
  .option("--accept", "the emptiness is meant")
  .action(async (options: { accept?: boolean }) =>
    finish((await import("./commands/snapshot-take.js")).takeSnapshot(await configFile(), options)),
  );

/**
 * Whoever reads may stop reading (`status | head`): that is no error of ours, and what we end with stays as it is.
 * Output that cannot be written for another reason, such as a full disk, is told and is an error.
 */
function watchOutput(): void {
  process.stdout.once("error", (error) => {
    if (systemCode(error) === "EPIPE") process.exit();
    process.stderr.write(`proxysql-carp: standard output cannot be written: ${sentenceOf(error)}\n`);
    process.exit(1);
  });
}

async function finish(exitCode: Promise<number>): Promise<void> {
  process.exitCode = await exitCode;
}

try {
  await program.parseAsync();
} catch (error) {
  process.exitCode = explain(error);
  // Something may still hold the process: what failed to stop must not keep it from ending.
  setTimeout(() => process.exit(), 1_000).unref();
}

/** Tells an error on stderr and returns the exit code. What we know is one sentence and a hint; a bug keeps its stack. */
function explain(error: unknown): number {
  if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : new KnownError("usage", "").exitCode;
  if (!isKnown(error)) {
    process.stderr.write(
      `proxysql-carp: this is a bug: ${error instanceof Error ? error.stack : String(error)}\n`,
    );
    return 1;
  }
  process.stderr.write(`proxysql-carp: ${error.message}\n`);
  if (error.hint !== "") process.stderr.write(`${error.hint}\n`);
  return error.exitCode;
}
