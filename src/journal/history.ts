import { wallClock } from "../platform/clock.js";
import { parseDuration } from "../platform/duration.js";
import { historyRows, type Pending, type Rows } from "./history-rows.js";
import type { Outcome, SnapshotEvent, TransitionOutcome } from "./journal.js";

/** Entries in an answer: so many unless another number is asked for, and at most. */
export const usualEntries = 100;
export const mostEntries = 500;

/** An answer's entries have at most so many characters of JSON together: it must fit into a line of `agent.sock`. */
const answerLimit = 2 * 1024 * 1024;

export interface HistoryOptions {
  /** Nothing before this time; ISO 8601. */
  readonly since?: string | undefined;
  /** Newest entries; 1 to `mostEntries`. */
  readonly limit?: number | undefined;
}

/** A step of a plan, or of a transition. */
export interface HistoryStep {
  readonly at: string;
  readonly step: string;
  readonly detail: string | null;
  readonly outcome: Outcome;
  readonly error: string | null;
  readonly ms: number;
}

export interface HistoryTransition {
  readonly before: string;
  readonly role: string;
  /** What made the agent look: a devd event, the timer, its start. */
  readonly cause: string;
  /** What was planned at each look, in their order; null in records of a version that did not keep it. */
  readonly plan: readonly (readonly string[])[] | null;
  /** Null while it goes on, and until the next start if the agent was killed in it. */
  readonly outcome: TransitionOutcome | null;
  readonly endedAt: string | null;
  readonly ms: number | null;
  readonly steps: readonly HistoryStep[];
  /** Older steps of the same transition that are not listed. */
  readonly stepsLeftOut: number;
}

/** The newest transition without what was done in it, as the status tells it. */
export interface LastTransition
  extends Pick<HistoryTransition, "before" | "role" | "cause" | "outcome" | "ms"> {
  readonly at: string;
}

export interface HistorySnapshot {
  readonly snapshot: string;
  readonly event: SnapshotEvent;
  readonly peer: string | null;
  readonly bytes: number | null;
  readonly ms: number | null;
  readonly detail: string | null;
}

export interface HistoryNote {
  readonly kind: string;
  readonly detail: unknown;
}

export type HistoryKind = "transition" | "step" | "snapshot" | "note";

/** One thing that happened. What belongs to its kind is there, the three others are null. */
export interface HistoryEntry {
  readonly at: string;
  readonly kind: HistoryKind;
  readonly transition: HistoryTransition | null;
  /** A step that belongs to no transition, such as bringing in what a peer has sent. */
  readonly step: HistoryStep | null;
  readonly snapshot: HistorySnapshot | null;
  readonly note: HistoryNote | null;
}

/** The document of `history --json`. Described in docs/json.md; fields are only ever added. */
export interface HistoryDocument {
  readonly schema: "proxysql-carp/history/v1";
  readonly at: string;
  readonly node: string;
  readonly since: string | null;
  /** Newest first. */
  readonly entries: readonly HistoryEntry[];
  /** There are older ones that were asked for too. */
  readonly more: boolean;
}

/** What the journal has since a time, newest first, within `limit` and a bound on its size. Changes nothing. */
export function readHistory(journal: Rows, node: string, options: HistoryOptions = {}): HistoryDocument {
  const limit = Math.min(Math.max(options.limit ?? usualEntries, 1), mostEntries);
  // The journal's times are compared as texts, so the asked one must have their form: in UTC, with milliseconds.
  const since = options.since === undefined ? null : new Date(options.since).toISOString();
  // One more than asked for, to know whether there is more.
  const all = historyRows(journal, since ?? "", limit + 1).sort(newestFirst);
  const entries = withinLimit(all.slice(0, limit));
  return {
    schema: "proxysql-carp/history/v1",
    at: new Date(wallClock()).toISOString(),
    node,
    since,
    entries,
    more: entries.length < all.length,
  };
}

/** What the role last changed from and to; null if it never did since the journal began. */
export function lastTransition(journal: Rows): LastTransition | null {
  const [last] = journal.query<LastTransition>(
    `SELECT started_at AS at, role_before AS "before", role, cause, outcome, ms FROM transitions
     ORDER BY id DESC LIMIT 1`,
  );
  return last ?? null;
}

/** The time that `24h` (ago) or `2026-11-21T03:00:00Z` means, as the journal writes times; undefined if neither. */
export function readSince(text: string): string | undefined {
  const ago = parseDuration(text);
  const ms = ago === undefined ? isoTime(text) : wallClock() - ago;
  const date = new Date(ms);
  return Number.isNaN(date.getTime()) || date.getTime() < 0 ? undefined : date.toISOString();
}

/** Date alone, or date and time with its zone: a time without a zone would mean another one on another host. */
function isoTime(text: string): number {
  const form = /^\d{4}-\d\d-\d\d(T\d\d:\d\d(:\d\d(\.\d{1,9})?)?(Z|[+-]\d\d:\d\d))?$/;
  return form.test(text) ? Date.parse(text) : Number.NaN;
}

/** By time; what has the same time keeps the order in which it was given. */
function newestFirst(a: Pending, b: Pending): number {
  return a.at < b.at ? 1 : a.at > b.at ? -1 : 0;
}

function withinLimit(pending: readonly Pending[]): HistoryEntry[] {
  const entries: HistoryEntry[] = [];
  let size = 0;
  for (const { tell } of pending) {
    const entry = tell();
    size += JSON.stringify(entry).length;
    if (size > answerLimit) break;
    entries.push(entry);
  }
  return entries;
}
