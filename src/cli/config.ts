import type { Cli } from "./cli.js";
import { withExamples } from "./examples.js";

/** `config check`, `show`, `schema`. */
export function registerConfig({ program, configFile, finish }: Cli): void {
  const config = withExamples(program.command("config").description("look at the configuration"), [
    ["proxysql-carp config check", "before a reload: is the file good?"],
    ["proxysql-carp config show", "which values are in force, and where is each from?"],
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

  withExamples(
    config
      .command("show")
      .description("show every value in force and where it is from: a line of the file, or the default")
      .option("--json", "one JSON document instead of text")
      .action(async (options: { json?: boolean }) => {
        const file = program.opts<{ config?: string }>().config;
        await finish((await import("../commands/config-show.js")).showConfig(file, options));
      }),
    [
      ["proxysql-carp config show | grep -v '# default'", "without what is as it comes"],
      [
        "proxysql-carp config show --json | jq '.values[] | select(.line)'",
        "what the file sets, for a script",
      ],
    ],
  );

  withExamples(
    config
      .command("schema")
      .description("print the form of the configuration file as JSON Schema, for an editor")
      .action(async () => finish((await import("../commands/config-schema.js")).printConfigSchema())),
    [
      [
        "proxysql-carp config schema > proxysql-carp.schema.json",
        "for an editor that knows TOML and JSON Schema",
      ],
    ],
  );
}
