import { countStates } from "../doctor/document.js";
import type { Line } from "../doctor/run.js";
import { printable } from "../platform/printable.js";
import type { Colours } from "./colour.js";

const width = 80;
const stateWidth = 9;
const titleWidth = 21;
const words = { ok: "ok", warning: "warning", failing: "FAILING", "not-checked": "-" } as const;

/** One link of the chain: state, title and what was seen; below it what to do, when something is. */
export function formatLine({ state, title, sentence, todo }: Line, colours: Colours): string {
  const paint = { ok: colours.good, warning: colours.warn, failing: colours.bad, "not-checked": colours.dim };
  const head = `${words[state].padEnd(stateWidth)}${`${printable(title)} `.padEnd(titleWidth)}`;
  const seen = state === "not-checked" ? `not checked: ${sentence}` : sentence;
  const [first = "", ...more] = wrap(`${head}${printable(seen)}`, " ".repeat(stateWidth + 2));
  const painted = `${paint[state](first.slice(0, stateWidth))}${first.slice(stateWidth)}`;
  const cure = todo === null ? [] : wrap(`${" ".repeat(stateWidth)}do: ${printable(todo)}`, " ".repeat(13));
  return [painted, ...more, ...cure].map((line) => `${line}\n`).join("");
}

/** `25 ok, 1 warning, 1 failing, 2 not checked`: only what there is. */
export function formatCounts(lines: readonly Line[]): string {
  const counts = countStates(lines);
  const told = [
    `${counts.ok} ok`,
    counts.warning === 0 ? [] : `${counts.warning} ${counts.warning === 1 ? "warning" : "warnings"}`,
    counts.failing === 0 ? [] : `${counts.failing} failing`,
    counts["not-checked"] === 0 ? [] : `${counts["not-checked"]} not checked`,
  ];
  return `${told.flat().join(", ")}\n`;
}

/** Breaks a text at blanks so that no line is wider than a terminal; a word that is wider stays whole. */
function wrap(text: string, indent: string): string[] {
  const lines: string[] = [];
  let rest = text;
  while (rest.length > width) {
    const least = rest.length - rest.trimStart().length + 1;
    const before = rest.lastIndexOf(" ", width);
    const at = before > least ? before : rest.indexOf(" ", width);
    if (at < 0) break;
    lines.push(rest.slice(0, at).trimEnd());
    rest = `${indent}${rest.slice(at + 1)}`;
  }
  return [...lines, rest];
}
