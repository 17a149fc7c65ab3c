import { CommanderError, Option } from "commander";
import type { Cli } from "./cli.js";
import { withExamples } from "./examples.js";

/** As src/health/reason.ts has them: that file is loaded only by a command that runs. */
const groups = ["snapshots", "peer", "role", "proxysql", "fence", "host"];

/** Would a failover work? `reasons` for people, `check` for a monitoring system. */
export function registerReasons({ program, configFile, finish }: Cli): void {
  withExamples(
    program
      .command("reasons")
      .description("tell why a failover would not work now, and what to do")
      .option("--json", "one JSON document instead of text")
      .action(async (options: { json?: boolean }) =>
        finish((await import("../commands/reasons.js")).showReasons(await configFile(), options)),
      ),
    [
      ["proxysql-carp reasons", "why not, and what to do"],
      ["proxysql-carp reasons >/dev/null && echo ready", "in a script: is there none?"],
    ],
  );

  withExamples(
    program
      .command("check")
      .description("a monitoring plugin: one line, exit code 0 OK, 1 WARNING, 2 CRITICAL, 3 UNKNOWN")
      .addOption(new Option("--group <group>", "reasons of one group alone").choices(groups))
      .option("--timeout <duration>", "how long the agent may take, such as 5s")
      // A monitoring system would read the exit code 2 of a wrong command line as CRITICAL, and nothing but standard output.
      .exitOverride(({ exitCode, code, message }) => {
        throw new CommanderError(exitCode === 0 ? 0 : 3, code, message);
      })
      .configureOutput({
        outputError: (text) => process.stdout.write(`PROXYSQL-CARP UNKNOWN - ${firstLine(text)}\n`),
      })
      .action(async (options: { group?: string; timeout?: string }) =>
        finish((await import("../commands/check.js")).check(await configFile(), options)),
      ),
    [
      ["proxysql-carp check", "as Nagios and its kin call it, as root on both nodes"],
      ["proxysql-carp check --group peer --timeout 2s", "one service of several, with a deadline of its own"],
    ],
  );
}

function firstLine(text: string): string {
  return text.trim().split("\n")[0] ?? "";
}
