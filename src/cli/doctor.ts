import type { Cli } from "./cli.js";
import { withExamples } from "./examples.js";

/** `doctor`: the whole chain, link by link. */
export function registerDoctor({ program, configFile, finish }: Cli): void {
  withExamples(
    program
      .command("doctor")
      .description(
        "look at the whole chain from devd to the peer's disk, and say what to do about each fault",
      )
      .option("--json", "one JSON document instead of text")
      .action(async (options: { json?: boolean }) =>
        finish((await import("../commands/doctor.js")).runDoctor(await configFile(), options)),
      ),
    [
      ["proxysql-carp doctor", "after setup, after an update, or when something is odd: on both nodes"],
      ["proxysql-carp doctor --json", "for a script; exit code 0 if nothing fails"],
    ],
  );
}
