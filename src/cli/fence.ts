import type { Cli } from "./cli.js";
import { withExamples } from "./examples.js";

/** `fence status`, `release`, `report`, `run-once`. */
export function registerFence({ program, configFile, finish }: Cli): void {
  const fence = withExamples(
    program.command("fence").description("MySQL servers that Orchestrator has given up on, kept out of use"),
    [["proxysql-carp fence status", "which servers get nothing, and why?"]],
  );

  withExamples(
    fence
      .command("status")
      .description("tell which servers are fenced and why, and whether Orchestrator answers")
      .option("--json", "one JSON document instead of text")
      .action(async (options: { json?: boolean }) =>
        finish((await import("../commands/fence-status.js")).fenceStatus(await configFile(), options)),
      ),
    [
      ["proxysql-carp fence status", "which servers get nothing, and why?"],
      ["proxysql-carp fence status --json | jq '.fences | length'", "in a script: how many?"],
    ],
  );

  withExamples(
    fence
      .command("release")
      .description("take a fence off although Orchestrator has not ended what it is for")
      .argument("<server>", "HOST:PORT, as ProxySQL names it")
      .option("--force", "also when nobody knows whether it is a replica or the master now")
      .option("--json", "one JSON document instead of text")
      .action(async (server: string, options: { force?: boolean; json?: boolean }) =>
        finish(
          (await import("../commands/fence-release.js")).fenceRelease(await configFile(), server, options),
        ),
      ),
    [
      ["proxysql-carp fence release db1:3306", "it is well, and its downtime is to go on"],
      ["proxysql-carp fence release db1:3306 --force", "I know what it is; Orchestrator does not"],
    ],
  );

  withExamples(
    fence
      .command("report")
      .description("tell which transactions a fenced server has that the new primary has not")
      .argument("[server]", "host:port of a server; without it, all that are fenced")
      .option("--against <server>", "compare with this one (host:port) instead of the successor")
      .option("--json", "one JSON document instead of text")
      .action(async (server: string | undefined, options: { against?: string; json?: boolean }) =>
        finish(
          (await import("../commands/fence-report.js")).reportFences(await configFile(), server, options),
        ),
      ),
    [
      ["proxysql-carp fence report", "of all fenced servers: is anything lost?"],
      ["proxysql-carp fence report db1:3306 --against db2:3306", "of these two; needs no agent"],
    ],
  );

  withExamples(
    fence
      .command("run-once")
      .description("ask Orchestrator once and fence by what it says: for a row in ProxySQL's scheduler")
      .option("--json", "one JSON document instead of text")
      .action(async (options: { json?: boolean }) =>
        finish((await import("../commands/fence-run-once.js")).fenceRunOnce(await configFile(), options)),
      ),
    [
      ["proxysql-carp fence run-once", "as ProxySQL's scheduler does"],
      [
        "proxysql-carp --config /usr/local/etc/fence.toml fence run-once",
        "without an agent, as ProxySQL's user",
      ],
    ],
  );
}
