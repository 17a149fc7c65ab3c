import type { RestoreResult } from "../agent/restore-snapshot.js";
import { formatDuration } from "../platform/duration.js";
import { formatLineage, type Lineage } from "../role/lineage.js";
import type { TableDifference } from "../snapshot/difference.js";
import { lineageOfId } from "../snapshot/manifest.js";
import type { TlsDifference } from "../snapshot/tls-difference.js";
import { type Colours, noColours } from "./colour.js";
import { describeRow } from "./format-diff.js";
import { wrapAfter } from "./wrap.js";

/** The document of `snapshot restore --json`. Described in docs/json.md. */
export interface RestoreDocument {
  readonly schema: "proxysql-carp/restore/v1";
  readonly snapshot: string;
  readonly lineage: Lineage & { readonly text: string };
  readonly dryRun: boolean;
  /** Why it would be refused; only with --dry-run, otherwise that is an error. */
  readonly refused: string | null;
  readonly secrets: "masked" | "shown";
  /** What it was compared with: what ProxySQL runs, or its disk if it is down. */
  readonly against: "live" | "disk";
  /** There is nothing to restore. */
  readonly equal: boolean;
  /** From what is there now to the snapshot: a row that is removed gets lost. Without what is each host's own. */
  readonly tables: readonly TableDifference[];
  readonly tls: readonly TlsDifference[];
  /** What runs and is not saved, by table: it will be in no snapshot. */
  readonly unsaved: readonly { readonly table: string; readonly rows: number }[];
  /** null: nothing was done. */
  readonly result: RestoreResult | null;
  readonly ms: number;
}

/** Rows told of one table; the counts are of all, and `snapshot diff` tells them all. */
const rowsOfOne = 20;
const signs = { added: "+", removed: "-", changed: "~" } as const;

/** What a restore would change, and above all what gets lost. Nothing of it reaches the terminal raw. */
export function* whatWouldBe(document: RestoreDocument, colours: Colours = noColours): Generator<string> {
  const { snapshot, lineage, against, equal, tables, tls, unsaved, refused } = document;
  const now = against === "live" ? "what ProxySQL runs now" : "what is on its disk (ProxySQL is down)";
  if (equal) {
    yield* told("", `Nothing to restore: ${now} is what snapshot ${lineage.text} has.`);
  } else {
    yield* told("", `Snapshot ${lineage.text} (${snapshot}) would replace ${now}:`);
    for (const table of tables) yield* tableLines(table, colours);
    for (const { name, change } of tls) yield* told("", `${signs[change]} ${name}`);
    yield* told("", summary(document));
    yield* told("", "What is saved now goes into a snapshot first: to restore that one undoes it.");
  }
  if (unsaved.length > 0) {
    const what = unsaved.map(({ table, rows }) => `${table} (${rows})`).join(", ");
    yield* told(
      "",
      `Rows that run and are not saved are in no snapshot, and get lost: ${what}.`,
      colours.warn,
    );
  }
  if (refused !== null) yield* told("", `It would be refused: ${refused}`, colours.bad);
}

function* tableLines(table: TableDifference, { bold, bad }: Colours): Generator<string> {
  yield* told("", `${table.table}: ${counts(table)}`, bold);
  for (const row of table.rows.slice(0, rowsOfOne)) {
    const mark = row.change === "removed" ? bad : undefined;
    yield* told(`  ${signs[row.change]} `, describeRow(table, row), mark);
  }
  const more = table.rows.length - rowsOfOne + table.omitted;
  if (more > 0) yield* told("  ", `and ${more} ${more === 1 ? "row" : "rows"} more`);
}

function counts({ removed, added, changed }: TableDifference): string {
  const parts = [
    [removed, "lost"],
    [added, "back"],
    [changed, "changed"],
  ] as const;
  return (
    parts
      .filter(([count]) => count > 0)
      .map(([count, what]) => `${count} ${what}`)
      .join(", ") || "other columns"
  );
}

function summary({ tables }: RestoreDocument): string {
  const sum = (of: (table: TableDifference) => number): number =>
    tables.reduce((all, one) => all + of(one), 0);
  const [lost, back, changed] = [
    sum(({ removed }) => removed),
    sum(({ added }) => added),
    sum(({ changed: count }) => count),
  ];
  return `In all: rows lost ${lost}, back ${back}, changed ${changed}.`;
}

/** What was done, and how to undo it. */
export function* resultLines(
  { lineage, result }: RestoreDocument,
  colours: Colours = noColours,
): Generator<string> {
  if (result === null) return;
  const { kept, canUndo, snapshot, epoch, peers, ms } = result;
  const as = snapshot === null ? `in epoch ${epoch}` : `as ${textOf(snapshot)}`;
  yield* told("", `Restored ${lineage.text} in ${formatDuration(ms)}: it is served ${as}.`, colours.good);
  for (const { name, has, error } of peers) {
    const why = error === null ? "" : `: ${error}`;
    if (has) yield* told("", `Peer ${name} has it.`);
    else yield* told("", `Peer ${name} does not have it yet${why}`, colours.warn);
  }
  if (canUndo) yield* told("", `To undo it: proxysql-carp snapshot restore ${textOf(kept)}`);
  else
    yield* told(
      "",
      `What it replaced, ${textOf(kept)}, is purged here: [snapshots] keep is too low.`,
      colours.warn,
    );
}

function textOf(id: string): string {
  const lineage = lineageOfId(id);
  return lineage === undefined ? id : formatLineage(lineage);
}

function* told(label: string, text: string, mark?: (line: string) => string): Generator<string> {
  for (const line of wrapAfter(label, text)) yield `${mark === undefined ? line : mark(line)}\n`;
}
