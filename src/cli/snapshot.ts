import type { Cli } from "./cli.js";
import { withExamples } from "./examples.js";

/** `snapshot take`, `list`, `show`, `verify`, `diff`, `restore`, `drill`. */
export function registerSnapshot({ program, configFile, finish }: Cli): void {
  const snapshot = withExamples(program.command("snapshot").description("snapshots of the configuration"), [
    ["proxysql-carp snapshot diff live peer", "what would a failover change?"],
  ]);

  withExamples(
    snapshot
      .command("take")
      .description("take one now, on the active node; tells its id, or that nothing has changed")
      .option("--accept", "a table that is suddenly empty is meant to be: take what was held back for it")
      .option("--json", "one JSON document instead of text")
      .action(async (options: { accept?: boolean; json?: boolean }) =>
        finish((await import("../commands/snapshot-take.js")).takeSnapshot(await configFile(), options)),
      ),
    [
      ["proxysql-carp snapshot take", "have what was just saved in a snapshot before going on"],
      ["proxysql-carp snapshot take --accept", "all users were removed on purpose: ship that"],
    ],
  );

  withExamples(
    snapshot
      .command("list")
      .description("tell what this node and its peers hold, side by side, newest first")
      .option("--limit <number>", "so many instead of 20")
      .option("--all", "all of them")
      .option("--json", "one JSON document instead of text")
      .action(async (options: { limit?: string; all?: boolean; json?: boolean }) =>
        finish((await import("../commands/snapshot-list.js")).listSnapshots(await configFile(), options)),
      ),
    [
      ["proxysql-carp snapshot list", "does the other node have what runs here?"],
      ["proxysql-carp snapshot list --all --json", "everything, for a script"],
    ],
  );

  withExamples(
    snapshot
      .command("show")
      .description("tell what one is: lineage, rows, sizes, and whether it passes all checks now")
      .argument("<id>", "an id or its beginning, a lineage such as 5.9@a, or latest")
      .option("--json", "one JSON document instead of text")
      .action(async (id: string, options: { json?: boolean }) =>
        finish((await import("../commands/snapshot-show.js")).showSnapshot(await configFile(), id, options)),
      ),
    [
      ["proxysql-carp snapshot show latest", "what would be installed at a failover?"],
      ["proxysql-carp snapshot show 5.9@a", "one by its lineage, as status and list tell it"],
    ],
  );

  withExamples(
    snapshot
      .command("verify")
      .description("verify a database file, a snapshot's directory or one of the store; files need no agent")
      .argument("[what]", "a file, a directory, or a snapshot: its id, 5.9@a, latest")
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
      .argument("<a>", "a snapshot (its id, 5.9@a, latest), live, disk, peer, or a file")
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
      .command("restore")
      .description("bring an older one back, on the active node: tells what gets lost, and asks")
      .argument("<id>", "an id or its beginning, a lineage such as 5.9@a, or latest")
      .option("--dry-run", "tell what it would change, and whether it would be refused")
      .option("--yes", "do not ask")
      .option("--json", "one JSON document instead of text")
      .option("--secrets", "show passwords and keys instead of masking them")
      .action(
        async (id: string, options: { dryRun?: boolean; yes?: boolean; json?: boolean; secrets?: boolean }) =>
          finish(
            (await import("../commands/snapshot-restore.js")).restoreSnapshot(
              await configFile(),
              id,
              options,
            ),
          ),
      ),
    [
      ["proxysql-carp snapshot restore 5.9@a --dry-run", "what would get lost, and what would come back?"],
      ["proxysql-carp snapshot restore 5.9@a", "bring it back; both nodes then have it, as a new one"],
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
