import type { Cli } from "./cli.js";
import { withExamples } from "./examples.js";

/** `orchestrator hook`. */
export function registerOrchestrator({ program, configFile, finish }: Cli): void {
  const orchestrator = withExamples(program.command("orchestrator").description("what Orchestrator calls"), [
    ["proxysql-carp orchestrator hook", "in its lists of hooks"],
  ]);
  withExamples(
    orchestrator
      .command("hook")
      .description("tell the agent that Orchestrator has news, so that it asks at once; always ends with 0")
      .action(async () =>
        finish((await import("../commands/orchestrator-hook.js")).orchestratorHook(await configFile())),
      ),
    [["proxysql-carp orchestrator hook", "in PostMasterFailoverProcesses and the others"]],
  );
}
