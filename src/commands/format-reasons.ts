import type { Reason } from "../health/reason.js";
import { wallClock } from "../platform/clock.js";
import { formatDuration } from "../platform/duration.js";
import { printable } from "../platform/printable.js";

/** Reasons as text, a block each: code, severity and since when, then what is wrong, then what to do. */
export function formatReasons(reasons: readonly Reason[]): string {
  if (reasons.length === 0) return "Ready: there is no reason why a failover would not work.\n";
  return `${reasons.map(block).join("\n\n")}\n`;
}

function block({ about, code, severity, sentence, since, todo }: Reason): string {
  const name = about === null ? code : `${code} (${about})`;
  const lines = [
    `${name}: ${severity}, since ${since}, ${formatDuration(Math.max(0, wallClock() - Date.parse(since)))}`,
    `  ${sentence}`,
    `  ${todo}`,
  ];
  return lines.map(printable).join("\n");
}
