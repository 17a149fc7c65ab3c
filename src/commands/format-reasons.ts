import type { Reason } from "../health/reason.js";
import { isCritical } from "../http/reasons-document.js";
import { wallClock } from "../platform/clock.js";
import { formatDuration } from "../platform/duration.js";
import { type Colours, noColours } from "./colour.js";
import { pageWidth, wrap, wrapAfter } from "./wrap.js";

/** Reasons as text of 80 columns, a block each: code, severity and since when, then what is wrong, then what to do. */
export function formatReasons(reasons: readonly Reason[], colours: Colours = noColours): string {
  if (reasons.length === 0)
    return `${colours.good("Ready: there is no reason why a failover would not work.")}\n`;
  const blocks = reasons.map((reason) => {
    const { severity, since } = reason;
    const head = `${nameOf(reason)}: ${severity}, since ${since}, ${ageOf(reason)}`;
    return partsOf(reason, head, pageWidth, colours).flat();
  });
  return `${blocks.map((lines) => lines.join("\n")).join("\n\n")}\n`;
}

/** The same block for a page with little room: if `height` lines are too few, what is wrong is told in part. */
export function reasonBlock(
  reason: Reason,
  { width, height }: { readonly width: number; readonly height: number },
  colours: Colours,
): string[] {
  const head = `${nameOf(reason)}: ${reason.severity} for ${ageOf(reason)}`;
  const [heads, what, todo] = partsOf(reason, head, width, colours);
  const room = Math.max(1, height - heads.length - todo.length);
  return [...heads, ...shortened(what, room), ...todo].slice(0, Math.max(1, height));
}

/** Name and severity, what is wrong, what to do. */
function partsOf(
  reason: Reason,
  head: string,
  width: number,
  { bad, warn }: Colours,
): [head: string[], what: string[], todo: string[]] {
  return [
    wrap(head, width).map(isCritical(reason) ? bad : warn),
    wrapAfter("  ", reason.sentence, width),
    wrapAfter("  To do: ", reason.todo, width),
  ];
}

function shortened(lines: readonly string[], most: number): string[] {
  if (lines.length <= most) return [...lines];
  const last = lines[most - 1] ?? "";
  return [...lines.slice(0, most - 1), `${last.slice(0, -3)}...`];
}

function nameOf({ code, about }: Reason): string {
  return about === null ? code : `${code} (${about})`;
}

function ageOf({ since }: Reason): string {
  return formatDuration(Math.max(0, wallClock() - Date.parse(since)));
}
