import type { Cli } from "./cli.js";
import { withExamples } from "./examples.js";

interface Options {
  readonly note?: string;
  readonly forcePromotion?: boolean;
  readonly json?: boolean;
}

/** `maintenance on`, `off`, `status`. */
export function registerMaintenance({ program, configFile, finish }: Cli): void {
  const maintain = async (action: "on" | "off" | "status", options: Options): Promise<void> =>
    finish((await import("../commands/maintenance.js")).maintenance(await configFile(), action, options));
  const maintenance = withExamples(
    program
      .command("maintenance")
      .description("let the agent look and report, but not act; survives restarts and reboots"),
    [
      ['proxysql-carp maintenance on --note "new disk"', "begin it"],
      ["proxysql-carp maintenance off", "end it"],
    ],
  );

  withExamples(
    maintenance
      .command("on")
      .description("begin it: this node is not promoted until it is off")
      .option("--note <text>", "why, for whoever finds it")
      .option("--force-promotion", "take over all the same if this node becomes MASTER")
      .option("--json", "one JSON document instead of text")
      .action((options: Options) => maintain("on", options)),
    [
      ['proxysql-carp maintenance on --note "new disk"', "say why, for whoever finds it"],
      ["proxysql-carp maintenance on --force-promotion", "hands off, but do take over if the peer dies"],
    ],
  );

  withExamples(
    maintenance
      .command("off")
      .description("end it: the agent acts again")
      .option("--json", "one JSON document instead of text")
      .action((options: Options) => maintain("off", options)),
    [["proxysql-carp maintenance off", "the agent acts again, at once"]],
  );

  withExamples(
    maintenance
      .command("status")
      .description("tell whether it is on, since when and why")
      .option("--json", "one JSON document instead of text")
      .action((options: Options) => maintain("status", options)),
    [
      [
        "proxysql-carp maintenance status --json | jq '.maintenance != null'",
        "in a script: is this node in maintenance?",
      ],
    ],
  );
}
