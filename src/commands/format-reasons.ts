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
    return block(
      reason,
      `${nameOf(reason)}: ${severity}, since ${since}, ${ageOf(reason)}`,
      pageWidth,
      colours,
    );
  });
  return `${blocks.map((lines) => lines.join("\n")).join("\n\n")}\n`;
}

/** The same block for a page that has little room. */
export function reasonBlock(reason: Reason, width: number, colours: Colours): string[] {
  return block(reason, `${nameOf(reason)}: ${reason.severity} for ${ageOf(reason)}`, width, colours);
}

function block(reason: Reason, head: string, width: number, { bad, warn }: Colours): string[] {
  return [
    ...wrap(head, width).map(isCritical(reason) ? bad : warn),
    ...wrapAfter("  ", reason.sentence, width),
    ...wrapAfter("  To do: ", reason.todo, width),
  ];
}

function nameOf({ code, about }: Reason): string {
  return about === null ? code : `${code} (${about})`;
}

function ageOf({ since }: Reason): string {
  return formatDuration(Math.max(0, wallClock() - Date.parse(since)));
}
