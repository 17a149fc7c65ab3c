import type {
  HistoryDocument,
  HistoryEntry,
  HistoryNote,
  HistorySnapshot,
  HistoryStep,
  HistoryTransition,
} from "../journal/history.js";
import { formatDuration } from "../platform/duration.js";
import { type Colours, noColours } from "./colour.js";
import { plain, wrapAfter } from "./wrap.js";

const indent = "    ";
/** Wide enough for `999 ms` and `60 min`, and some room before them. */
const durationWidth = indent.length + 9;

/**
 * The history as text of 80 columns, newest first, a line for each thing and what belongs to it below; the steps of a
 * transition in the order of their doing.
 */
export function formatHistory({ entries, more }: HistoryDocument, colours: Colours = noColours): string {
  if (entries.length === 0) return "Nothing was done in that time.\n";
  const lines = entries.flatMap((entry) => linesOf(entry, colours));
  if (more) lines.push("There is more: see --since and --limit.");
  return `${lines.join("\n")}\n`;
}

function linesOf({ at, transition, step, snapshot, note }: HistoryEntry, colours: Colours): string[] {
  const head = `${plain(at)}  `;
  if (transition) return transitionLines(head, transition, colours);
  if (step) return marked(wrapAfter(head, `step ${describeStep(step)}`), step.outcome, colours);
  if (snapshot) return wrapAfter(head, describeSnapshot(snapshot));
  return note === null ? [] : wrapAfter(head, `note ${describeNote(note)}`);
}

function transitionLines(head: string, transition: HistoryTransition, colours: Colours): string[] {
  const { before, role, cause, plan, steps, stepsLeftOut } = transition;
  const looks = (plan ?? []).map((planned) => planned.join(", "));
  const left = stepsLeftOut === 0 ? [] : [`${indent}${stepsLeftOut} earlier steps`];
  return [
    ...wrapAfter(head, `transition ${before} -> ${role}: ${describeEnd(transition)}`).map(colours.bold),
    ...wrapAfter(`${indent}cause  `, cause),
    ...(looks.length === 0 ? [] : wrapAfter(`${indent}plan   `, looks.join("; then "))),
    ...left,
    ...steps.flatMap((step) => stepLines(step, colours)),
  ];
}

function describeEnd({ outcome, ms }: HistoryTransition): string {
  if (outcome === null) return "not ended";
  if (outcome === "interrupted") return "the agent was killed";
  return `${outcome} after ${formatDuration(ms ?? 0)}`;
}

/** Durations stand below each other: the slow step is what one looks for. */
function stepLines(step: HistoryStep, colours: Colours): string[] {
  const head = `${formatDuration(step.ms).padStart(durationWidth)}  `;
  return marked(wrapAfter(head, nameAndOutcome(step) + whyOf(step)), step.outcome, colours);
}

function describeStep(step: HistoryStep): string {
  return `${nameAndOutcome(step)} after ${formatDuration(step.ms)}${whyOf(step)}`;
}

function nameAndOutcome({ step, outcome }: HistoryStep): string {
  return `${step} ${outcome === "failed" ? "FAILED" : outcome}`;
}

function whyOf({ error, detail }: HistoryStep): string {
  const why = error ?? detail;
  return why === null ? "" : `: ${why}`;
}

function marked(lines: string[], outcome: HistoryStep["outcome"], { bad, warn }: Colours): string[] {
  if (outcome === "done") return lines;
  return lines.map(outcome === "failed" ? bad : warn);
}

function describeSnapshot({ snapshot, event, peer, bytes, ms, detail }: HistorySnapshot): string {
  const parts = [
    ...(peer === null ? [] : [`peer ${peer}`]),
    ...(bytes === null ? [] : [`${bytes} bytes`]),
    ...(ms === null ? [] : [formatDuration(ms)]),
    ...(detail === null ? [] : [detail]),
  ];
  return `snapshot ${snapshot} ${event}${parts.length === 0 ? "" : `: ${parts.join(", ")}`}`;
}

function describeNote({ kind, detail }: HistoryNote): string {
  if (typeof detail !== "object" || detail === null) return `${kind}: ${JSON.stringify(detail)}`;
  const parts = Object.entries(detail).map(
    ([name, value]) => `${name} ${typeof value === "string" ? value : JSON.stringify(value)}`,
  );
  return parts.length === 0 ? kind : `${kind}: ${parts.join(", ")}`;
}
