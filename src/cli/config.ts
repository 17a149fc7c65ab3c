import type { Cli } from "./cli.js";
import { withExamples } from "./examples.js";

/** `config check`. */
export function registerConfig({ program, configFile, finish }: Cli): void {
  const config = withExamples(program.command("config").description("look at the configuration"), [
    ["proxysql-carp config check", "before a reload: is the file good?"],
  ]);

  withExamples(
    config
      .command("check")
      .description("read the configuration file and tell every mistake in it")
      .action(async () =>
        finish((await import("../commands/config-check.js")).checkConfig(await configFile())),
      ),
    [
      ["proxysql-carp config check && service proxysql_carp reload", "reload it only if it is good"],
      ["proxysql-carp --config /tmp/new.toml config check", "look at a file before it is put in place"],
    ],
  );
}
