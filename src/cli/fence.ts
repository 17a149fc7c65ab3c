import type { Cli } from "./cli.js";
import { withExamples } from "./examples.js";

/** `fence report`. */
export function registerFence({ program, configFile, finish }: Cli): void {
  const fence = withExamples(program.command("fence").description("MySQL servers that are kept out of use"), [
    ["proxysql-carp fence report", "what did the dead primary take with it?"],
  ]);

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
}
