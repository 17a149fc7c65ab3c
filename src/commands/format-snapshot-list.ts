import { printable } from "../platform/printable.js";
import { formatSize } from "../platform/size.js";
import { formatLineage, type Lineage } from "../role/lineage.js";
import { lineageOfId } from "../snapshot/manifest.js";
import type { Place } from "../snapshot/side-by-side.js";
import { type Colours, noColours } from "./colour.js";
import { wrapAfter } from "./wrap.js";

export interface ListedRow {
  readonly id: string;
  readonly lineage: Lineage & { readonly text: string };
  /** Who took it. */
  readonly node: string;
  /** From its manifest here; null if it is not here, or damaged. */
  readonly takenAt: string | null;
  /** Packed, as it lies on disk and is sent. */
  readonly bytes: number | null;
  readonly databaseBytes: number | null;
  /** The id of the older one whose content an operator brought back with it. */
  readonly restoredFrom: string | null;
  /** Why its manifest here cannot be believed. */
  readonly damaged: string | null;
  readonly here: Place;
  /** By the peer's name. */
  readonly peers: Readonly<Record<string, Place>>;
  /** ProxySQL on this host holds it. */
  readonly running: boolean;
  /** ProxySQL on this host has failed on it. */
  readonly doubted: boolean;
  /** The newest here that ProxySQL has not failed on: what would be installed. */
  readonly newest: boolean;
}

/** The document of `snapshot list --json`. Described in docs/json.md. */
export interface ListDocument {
  readonly schema: "proxysql-carp/snapshots/v1";
  readonly at: string;
  readonly node: string;
  /** Why the agent could not be asked, so that nothing is known of peers; null if it answered. */
  readonly agent: string | null;
  /** The lineage that ProxySQL here holds. */
  readonly running: string | null;
  readonly peers: readonly {
    readonly name: string;
    /** How many it listed; null if it could not be asked. */
    readonly listed: number | null;
    readonly cut: boolean;
    readonly error: string | null;
  }[];
  /** All that are on this host. */
  readonly here: number;
  /** Newest first. */
  readonly snapshots: readonly ListedRow[];
  /** Known of, and not listed. */
  readonly older: number;
}

const placeTexts = { inbox: "inbox", outbox: "outbox", none: "-", unknown: "?" } as const;
/** A longer name of a peer is cut in the head of its column. */
const headWidth = 12;

/** The list as a table within 80 columns, unless names are long; what is not known, and how many are older, below it. */
export function formatList(document: ListDocument, colours: Colours = noColours): string {
  const { peers, snapshots, node } = document;
  const head = ["LINEAGE", "TAKEN", "SIZE", node, ...peers.map(({ name }) => name), ""];
  const table = [head.map((text) => cut(printable(text))), ...snapshots.map((row) => cellsOf(row, peers))];
  const widths = head.map((_, column) => Math.max(...table.map((cells) => cells[column]?.length ?? 0)));
  const lines = table.map((cells) =>
    cells
      .map((cell, column) =>
        column === 2 ? cell.padStart(widths[column] ?? 0) : cell.padEnd(widths[column] ?? 0),
      )
      .join("  ")
      .trimEnd(),
  );
  const rows = lines.map((line, at) => marked(line, snapshots[at - 1], colours));
  return [...(snapshots.length === 0 ? ["no snapshots"] : rows), ...notesOf(document)]
    .map((line) => `${line}\n`)
    .join("");
}

function cellsOf(row: ListedRow, peers: ListDocument["peers"]): string[] {
  return [
    row.lineage.text,
    row.takenAt === null ? "-" : timeOf(row.takenAt),
    row.bytes === null ? "-" : formatSize(row.bytes),
    placeTexts[row.here],
    ...peers.map(({ name }) => placeTexts[row.peers[name] ?? "unknown"]),
    wordsOf(row).join(", "),
  ];
}

function wordsOf({ running, doubted, newest, damaged, restoredFrom }: ListedRow): string[] {
  const old = restoredFrom === null ? undefined : lineageOfId(restoredFrom);
  return [
    ...(running ? ["running"] : []),
    ...(newest ? ["newest"] : []),
    ...(doubted ? ["doubted"] : []),
    ...(damaged === null ? [] : ["damaged"]),
    ...(old === undefined ? [] : [`restores ${formatLineage(old)}`]),
  ];
}

function marked(line: string, row: ListedRow | undefined, colours: Colours): string {
  if (row === undefined) return colours.dim(line);
  if (row.damaged !== null) return colours.bad(line);
  if (row.doubted) return colours.warn(line);
  return row.running ? colours.bold(line) : line;
}

function notesOf({ peers, agent, running, snapshots, older, node }: ListDocument): string[] {
  const isListed = snapshots.some((row) => row.running);
  return [
    ...(older > 0 ? [`and ${older} older: --limit N or --all lists them`] : []),
    ...(running !== null && !isListed ? [`${node} runs ${running}`] : []),
    ...(agent === null ? [] : wrapAfter("", `What runs and what peers hold is not known: ${agent}`)),
    ...peers.flatMap(({ name, error }) =>
      error === null ? [] : wrapAfter("", `${name} could not be asked: ${error}`),
    ),
    ...peers.flatMap(({ name, cut: isCut }) =>
      isCut && older === 0 ? [`${printable(name)} has older ones that it did not list`] : [],
    ),
  ];
}

/** `2026-11-21 09:50:11`, in UTC as all times of ours. */
function timeOf(iso: string): string {
  return `${iso.slice(0, 10)} ${iso.slice(11, 19)}Z`;
}

function cut(text: string): string {
  return text.length <= headWidth ? text : `${text.slice(0, headWidth - 1)}~`;
}
