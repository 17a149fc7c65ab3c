import { KnownError } from "../platform/errors.js";
import { printable } from "../platform/printable.js";
import { agentRuns } from "../setup/agent-runs.js";
import { stepsAfterRemoval } from "../setup/next-steps.js";
import { sweep } from "../setup/perform.js";
import { readRecord, type SetupRecord } from "../setup/record.js";
import { lookForRemoval, performRemoval, planRemoval, type RemoveStep } from "../setup/remove.js";
import { confirm } from "./ask.js";
import { formatNext, formatRemoval } from "./format-setup.js";

export interface RemoveOptions {
  readonly dryRun?: boolean;
  readonly force?: boolean;
  readonly json?: boolean;
  readonly isGuided: boolean;
}

/**
 * `setup --remove`: takes back what setup made, by its record. A file that somebody changed since stays, and is named,
 * unless that is confirmed or forced; exit code 1 then.
 */
export async function removeSetup(root: string, options: RemoveOptions): Promise<number> {
  const { dryRun, force, json, isGuided } = options;
  const text = (part: string): void => void (json === true || process.stdout.write(part));
  const record = await readRecord(root);
  if (record === undefined) {
    if (dryRun !== true) await sweep(root, []);
    text("There is nothing to remove: setup made nothing here.\n");
    tell(root, options, [], [], null);
    return 0;
  }
  if (root === "" && force !== true && dryRun !== true && (await agentRuns())) {
    throw new KnownError(
      "not-done",
      "The agent runs, and could not be stopped any more: `service proxysql_carp stop` first. Nothing was done.",
    );
  }
  const present = await lookForRemoval(root, record);
  const confirmed = new Set<string>();
  for (const { path, why } of planRemoval(record, present, () => force === true)) {
    if (why === null || why === "no file" || !isGuided || dryRun === true) continue;
    const cause = why === "used" ? "something was written to it" : "somebody changed it since setup wrote it";
    process.stderr.write(`\n${printable(path)}: ${cause}.\n`);
    if (await confirm("Remove it all the same?")) confirmed.add(path);
  }
  const steps = planRemoval(record, present, (path) => force === true || confirmed.has(path));
  text(formatRemoval(root, steps, othersOf(record)));
  if (dryRun === true) {
    text("\nNothing was done: --dry-run.\n");
    tell(root, options, steps, [], null);
    return 0;
  }
  if (isGuided && !(await confirm("\nDo this?"))) throw new KnownError("not-done", "Nothing was done.");
  const done: string[] = [];
  const stays = await performRemoval(root, record, steps, (what) => {
    done.push(what);
  });
  const kept = steps.filter(({ action }) => action === "keep");
  text(
    kept.length === 0
      ? "\nRemoved.\n"
      : `\nRemoved, but for ${kept.map(({ path }) => printable(path)).join(", ")}: --force takes that too.\n`,
  );
  const copies = record.files.flatMap((file) => file.copies);
  if (copies.length > 0) text(`What was overwritten stays as ${copies.map(printable).join(", ")}\n`);
  if (stays.length > 0) text(`Not empty, so they stay: ${stays.map(printable).join(", ")}\n`);
  if (root === "") text(formatNext(stepsAfterRemoval));
  tell(root, options, steps, stays, done);
  return kept.some(({ why }) => why !== "used") ? 1 : 0;
}

/** What is taken back and is no file. */
function othersOf({ user, enabled }: SetupRecord): string[] {
  return [
    ...(enabled === null
      ? []
      : [
          enabled.before === null
            ? "unset    proxysql_carp_enable"
            : `set      proxysql_carp_enable=${printable(enabled.before)}`,
        ]),
    ...(user === null ? [] : [`remove   user ${user}`]),
  ];
}

function tell(
  root: string,
  { json, dryRun }: RemoveOptions,
  steps: readonly RemoveStep[],
  directoriesThatStay: readonly string[],
  done: readonly string[] | null,
): void {
  if (json !== true) return;
  const document = {
    schema: "proxysql-carp/setup/v1",
    action: "remove",
    root: root === "" ? "/" : root,
    dryRun: dryRun === true,
    planned: steps
      .filter(({ action }) => action !== "gone")
      .map(({ action, path, why }) => ({ action, path, why })),
    directoriesThatStay,
    done,
  };
  process.stdout.write(`${JSON.stringify(document, null, 2)}\n`);
}
