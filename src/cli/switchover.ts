import type { Cli } from "./cli.js";
import { withExamples } from "./examples.js";

interface Options {
  readonly to?: string;
  readonly force?: boolean;
  readonly dryRun?: boolean;
  readonly timeout?: string;
  readonly yes?: boolean;
  readonly json?: boolean;
}

/** `switchover`. */
export function registerSwitchover({ program, configFile, finish }: Cli): void {
  withExamples(
    program
      .command("switchover")
      .description("move the role to the other node, from whichever of the two this is run on")
      .option("--dry-run", "tell what would be done and what would be refused, and do nothing")
      .option("--yes", "do not ask")
      .option("--to <peer>", "the node that is to take the role, if there are several")
      .option("--force", "in spite of reasons that speak against it; it says which")
      .option("--timeout <duration>", "for the whole, such as 30s; after that it is undone")
      .option("--json", "one JSON document instead of text")
      .action(async (options: Options) =>
        finish((await import("../commands/switchover.js")).switchover(await configFile(), options)),
      ),
    [
      ["proxysql-carp switchover --dry-run", "would it work now? exit code 0 if so"],
      ["proxysql-carp switchover", "show the plan, ask, then move the role"],
      ["proxysql-carp switchover --yes --json", "in a script"],
    ],
  );
}
