import { formatDuration } from "../platform/duration.js";
import { printable } from "../platform/printable.js";
import type { StepProgress, SwitchoverDocument } from "../switchover/document.js";
import type { Refusal } from "../switchover/refusals.js";
import type { Colours } from "./colour.js";

/** What would be done, and what stands in the way. */
export function describePlan(
  { from, to, steps, refusals, overridden }: SwitchoverDocument,
  { bad, warn, bold }: Colours,
): string {
  const plan = steps.map(({ what }, index) => `  ${index + 1}. ${printable(what)}`);
  const lines = [
    bold(`Switchover from ${printable(from)} to ${printable(to)}`),
    ...plan,
    ...overridden.flatMap((refusal) => [warn("overridden by --force:"), ...sentences(refusal)]),
    ...refusals.flatMap((refusal) => [
      bad(refusal.canForce ? "refused (--force overrides it):" : "refused:"),
      ...sentences(refusal),
    ]),
  ];
  return `${lines.join("\n")}\n`;
}

function sentences({ sentence, todo }: Refusal): string[] {
  return [`  ${printable(sentence)}`, `  do: ${printable(todo)}`];
}

/** One step that is over, in a line. */
export function describeStep({ what, state, ms, detail }: StepProgress): string {
  const took = ms === null ? "" : ` (${formatDuration(ms)})`;
  const more = detail === null ? "" : `: ${printable(detail)}`;
  return `${state.padEnd(7)} ${printable(what)}${took}${more}`;
}

/** How it ended, for people: what clients saw, what is as it was, what to do. */
export function describeEnd(document: SwitchoverDocument, { good, bad }: Colours): string {
  const { state, from, to, ms, unservedMs, standsAside, error, undo, refusals, overridden } = document;
  const forced = overridden.map(({ sentence }) => `Overridden by --force: ${printable(sentence)}`);
  switch (state) {
    case "done": {
      const unserved =
        unservedMs === null ? "" : ` No new clients were served for at most ${formatDuration(unservedMs)}.`;
      const aside = standsAside
        ? [
            `${printable(from)} keeps a share of CARP demotion, so that it does not take the role back by itself.`,
          ]
        : [];
      return text([
        good(`${printable(to)} is MASTER and serves, after ${formatDuration(ms)}.${unserved}`),
        ...aside,
        ...forced,
      ]);
    }
    case "refused":
      return text([
        bad(`The role was not moved from ${printable(from)}${to === "" ? "" : ` to ${printable(to)}`}:`),
        ...refusals.flatMap(sentences),
      ]);
    case "undone":
      return text([
        bad(`The role was not moved: ${printable(error ?? "")}`),
        ...undo.map((what) => `undone: ${printable(what)}`),
        `${printable(from)} is as it was before.`,
      ]);
    default:
      return text([
        bad(`The role was not moved as it should: ${printable(error ?? "")}`),
        ...undo.map((what) => `undone: ${printable(what)}`),
        "Not all of it is as it was before; the agents go on trying.",
        "Look at `proxysql-carp status` on both nodes.",
      ]);
  }
}

function text(lines: readonly string[]): string {
  return `${lines.join("\n")}\n`;
}
