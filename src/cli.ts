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
  .command("reasons")
  .description("tell why a failover would not work now, and what to do")
  .option("--json", "one JSON document instead of text")
  .action(async (options: { json?: boolean }) =>
    finish((await import("./commands/reasons.js")).showReasons(await configFile(), options)),
  );

program
  .command("check")
  .description("a monitoring plugin: one line, exit code 0 OK, 1 WARNING, 2 CRITICAL, 3 UNKNOWN")
  .option("--group <group>", "reasons of one group alone: snapshots, peer, role, proxysql or host")
  .option("--timeout <duration>", "how long the agent may take, such as 5s")
  // A monitoring system would read the exit code 2 of a wrong command line as CRITICAL, and nothing but standard output.
  .exitOverride(({ exitCode, code, message }) => {
    throw new CommanderError(exitCode === 0 ? 0 : 3, code, message);
  })
  .configureOutput({
    outputError: (text) => process.stdout.write(`PROXYSQL-CARP UNKNOWN - ${firstLine(text)}\n`),
  })
  .action(async (options: { group?: string; timeout?: string }) =>
    finish((await import("./commands/check.js")).check(await configFile(), options)),
  );

program
  .command("history")
  .description("tell what the agent did and why, newest first")
  .option("--json", "one JSON document instead of text")
  .option("--since <time>", "nothing before a time (2026-11-21T03:00:00Z) or a duration ago (24h)")
  .option("--limit <number>", "at most so many entries")
  .action(async (options: { json?: boolean; since?: string; limit?: string }) =>
    finish((await import("./commands/history.js")).showHistory(await configFile(), options)),
  );

const maintenance = program
  .command("maintenance")
  .description("let the agent look and report, but not act; survives restarts and reboots");
const maintain = async (
  action: "on" | "off" | "status",
  options: { note?: string; forcePromotion?: boolean; json?: boolean },
): Promise<void> =>
  finish((await import("./commands/maintenance.js")).maintenance(await configFile(), action, options));
maintenance
  .command("on")
  .description("begin it: this node is not promoted until it is off")
  .option("--note <text>", "why, for whoever finds it")
  .option("--force-promotion", "take over all the same if this node becomes MASTER")
  .option("--json", "one JSON document instead of text")
  .action((options: { note?: string; forcePromotion?: boolean; json?: boolean }) => maintain("on", options));
maintenance
  .command("off")
  .description("end it: the agent acts again")
  .option("--json", "one JSON document instead of text")
  .action((options: { json?: boolean }) => maintain("off", options));
maintenance
  .command("status")
  .description("tell whether it is on, since when and why")
  .option("--json", "one JSON document instead of text")
  .action((options: { json?: boolean }) => maintain("status", options));

const config = program.command("config").description("look at the configuration");
config
  .command("check")
  .description("read the configuration file and tell every mistake in it")
  .action(async () => finish((await import("./commands/config-check.js")).checkConfig(await configFile())));

const snapshot = program.command("snapshot").description("snapshots of the configuration");
snapshot
  .command("take")
  .description("take one that was held back because a table is empty now")
  .option("--accept", "the emptiness is meant")
  .action(async (options: { accept?: boolean }) =>
    finish((await import("./commands/snapshot-take.js")).takeSnapshot(await configFile(), options)),
  );
snapshot
  .command("verify")
  .description("verify a database file, a snapshot's directory or one of the store; files need no agent")
  .argument("[what]", "a file, a directory, or a snapshot's id")
  .option("--accept", "an emptiness is meant; without <what>: take the snapshot that was held back for it")
  .option("--json", "one JSON document instead of text")
  .action(async (what: string | undefined, options: { accept?: boolean; json?: boolean }) =>
    finish((await import("./commands/snapshot-verify.js")).verifySnapshot(await configFile(), what, options)),
  );
snapshot
  .command("diff")
  .description("compare two configurations row by row: what the second has that the first has not")
  .argument("<a>", "a snapshot's id, live, disk, peer, or a file")
  .argument("<b>", "the same")
  .option("--json", "one JSON document instead of text")
  .option("--secrets", "show passwords and keys instead of masking them")
  .action(async (a: string, b: string, options: { json?: boolean; secrets?: boolean }) =>
    finish((await import("./commands/snapshot-diff.js")).diffSnapshots(await configFile(), a, b, options)),
  );
snapshot
  .command("drill")
  .description("restore the newest one aside, in a ProxySQL of its own, and tell how that went")
  .option("--json", "one JSON document instead of text")
  .action(async (options: { json?: boolean }) =>
    finish((await import("./commands/snapshot-drill.js")).drillSnapshot(await configFile(), options)),
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

function firstLine(text: string): string {
  return text.trim().split("\n")[0] ?? "";
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
  if (error instanceof CommanderError)
    return error.exitCode === 1 ? new KnownError("usage", "").exitCode : error.exitCode;
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
