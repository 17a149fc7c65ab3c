import type {
  HistoryDocument,
  HistoryEntry,
  HistorySnapshot,
  HistoryStep,
  HistoryTransition,
} from "../journal/history.js";
import { formatDuration } from "../platform/duration.js";
import { printable } from "../platform/printable.js";

/** The history as text, newest first; the steps of a transition stand below it in the order of their doing. */
export function formatHistory({ entries, more }: HistoryDocument): string {
  if (entries.length === 0) return "Nothing was done in that time.\n";
  const lines = entries.flatMap(linesOf);
  if (more) lines.push("There is more: see --since and --limit.");
  return `${lines.map(printable).join("\n")}\n`;
}

function linesOf({ at, kind, transition, step, snapshot, note }: HistoryEntry): string[] {
  const head = `${at}  ${kind.padEnd(10)}  `;
  if (transition) return [`${head}${describeTransition(transition)}`, ...stepLines(transition)];
  if (step) return [`${head}${describeStep(step)}`];
  if (snapshot) return [`${head}${describeSnapshot(snapshot)}`];
  return [`${head}${note?.kind ?? ""} ${JSON.stringify(note?.detail ?? null)}`];
}

function describeTransition({ before, role, cause, outcome, ms }: HistoryTransition): string {
  const end = outcome === null ? "not ended" : `${outcome} after ${formatDuration(ms ?? 0)}`;
  return `${before} -> ${role} (${cause}): ${end}`;
}

function stepLines({ steps, stepsLeftOut }: HistoryTransition): string[] {
  const told = steps.map((step) => `    ${describeStep(step)}`);
  return stepsLeftOut === 0 ? told : [`    ${stepsLeftOut} earlier steps`, ...told];
}

function describeStep({ step, outcome, ms, detail, error }: HistoryStep): string {
  const why = error ?? detail;
  return `${step} ${outcome} in ${formatDuration(ms)}${why === null ? "" : `: ${why}`}`;
}

function describeSnapshot({ snapshot, event, peer, bytes, ms, detail }: HistorySnapshot): string {
  const parts = [
    ...(peer === null ? [] : [`peer ${peer}`]),
    ...(bytes === null ? [] : [`${bytes} bytes`]),
    ...(ms === null ? [] : [formatDuration(ms)]),
    ...(detail === null ? [] : [detail]),
  ];
  return `${snapshot} ${event}${parts.length === 0 ? "" : `: ${parts.join(", ")}`}`;
}
