import type { Cli } from "./cli.js";
import { withExamples } from "./examples.js";

/** `snapshot take`, `verify`, `diff`, `drill`. */
export function registerSnapshot({ program, configFile, finish }: Cli): void {
  const snapshot = withExamples(program.command("snapshot").description("snapshots of the configuration"), [
    ["proxysql-carp snapshot diff live peer", "what would a failover change?"],
  ]);

  withExamples(
    snapshot
      .command("take")
      .description("take one that was held back because a table is empty now")
      .option("--accept", "the emptiness is meant")
      .action(async (options: { accept?: boolean }) =>
        finish((await import("../commands/snapshot-take.js")).takeSnapshot(await configFile(), options)),
      ),
    [["proxysql-carp snapshot take --accept", "all users were removed on purpose: ship that"]],
  );

  withExamples(
    snapshot
      .command("verify")
      .description("verify a database file, a snapshot's directory or one of the store; files need no agent")
      .argument("[what]", "a file, a directory, or a snapshot's id")
      .option(
        "--accept",
        "an emptiness is meant; without <what>: take the snapshot that was held back for it",
      )
      .option("--json", "one JSON document instead of text")
      .action(async (what: string | undefined, options: { accept?: boolean; json?: boolean }) =>
        finish(
          (await import("../commands/snapshot-verify.js")).verifySnapshot(await configFile(), what, options),
        ),
      ),
    [
      ["proxysql-carp snapshot verify /root/proxysql.db.gz", "is this copy worth keeping?"],
      ["proxysql-carp snapshot verify 0000000006-0000000012-a", "one of the store, by its id"],
    ],
  );

  withExamples(
    snapshot
      .command("diff")
      .description("compare two configurations row by row: what the second has that the first has not")
      .argument("<a>", "a snapshot's id, live, disk, peer, or a file")
      .argument("<b>", "the same")
      .option("--json", "one JSON document instead of text")
      .option("--secrets", "show passwords and keys instead of masking them")
      .action(async (a: string, b: string, options: { json?: boolean; secrets?: boolean }) =>
        finish(
          (await import("../commands/snapshot-diff.js")).diffSnapshots(await configFile(), a, b, options),
        ),
      ),
    [
      ["proxysql-carp snapshot diff disk live", "what was changed and not saved?"],
      [
        "proxysql-carp snapshot diff /root/yesterday.db live --json",
        "what changed since that copy, for a script",
      ],
    ],
  );

  withExamples(
    snapshot
      .command("drill")
      .description("restore the newest one aside, in a ProxySQL of its own, and tell how that went")
      .option("--json", "one JSON document instead of text")
      .action(async (options: { json?: boolean }) =>
        finish((await import("../commands/snapshot-drill.js")).drillSnapshot(await configFile(), options)),
      ),
    [["proxysql-carp snapshot drill", "would the newest snapshot serve?"]],
  );
}
