import type { Cli } from "./cli.js";
import { withExamples } from "./examples.js";

/** What is, and what was: `status`, `history`. */
export function registerStatus({ program, configFile, finish }: Cli): void {
  withExamples(
    program
      .command("status")
      .description("tell who is active, whether the other node is ready, and if not why and what to do")
      .option("--json", "one JSON document instead of text")
      .option("--watch", "again every second, until Ctrl-C; with --json a document a line")
      .action(async (options: { json?: boolean; watch?: boolean }) =>
        finish((await import("../commands/status.js")).showStatus(await configFile(), options)),
      ),
    [
      ["proxysql-carp status", "one screen of this node and its peers"],
      ["proxysql-carp status --watch", "the same while something happens, such as a switchover"],
      ["proxysql-carp status --json | jq .proxysql.serving", "in a script: does this node serve?"],
    ],
  );

  withExamples(
    program
      .command("history")
      .description("tell what the agent did and why, newest first")
      .option("--json", "one JSON document instead of text")
      .option("--since <time>", "nothing before a time (2026-11-21T03:00:00Z) or a duration ago (24h)")
      .option("--limit <number>", "at most so many entries")
      .action(async (options: { json?: boolean; since?: string; limit?: string }) =>
        finish((await import("../commands/history.js")).showHistory(await configFile(), options)),
      ),
    [
      ["proxysql-carp history --since 24h", "what happened since yesterday"],
      ["proxysql-carp history --limit 1", "the last thing alone"],
    ],
  );
}
