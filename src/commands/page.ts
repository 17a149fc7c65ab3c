import type { Colours } from "./colour.js";
import { pageWidth, wrap } from "./wrap.js";

/** How a line is marked on a terminal that has colours. */
export type Mark = keyof Colours;

/** One thing of a page: what it is, and what there is to say of it. */
export interface Row {
  readonly label: string;
  /** Each begins a line of its own. */
  readonly texts: readonly string[];
  readonly mark?: Mark | undefined;
}

/** Columns and lines that a page may take. */
export interface PageSize {
  readonly width: number;
  readonly height: number;
}

/** A terminal of 24 lines, less the one on which the shell's prompt comes back. */
export const usualSize: PageSize = { width: pageWidth, height: 23 };

const labelWidth = 14;
/** Of one text: a note or an error of a page's length must not push away what is below it. */
const mostLines = 3;

export function row(label: string, text: string | readonly string[], mark?: Mark): Row {
  return { label, texts: typeof text === "string" ? [text] : text, mark };
}

/** The row's lines; a label without room is on a line of its own. What comes from elsewhere is made harmless here. */
export function rowLines({ label, texts, mark }: Row, { width }: PageSize, colours: Colours): string[] {
  const lines = texts.flatMap((text) => cutText(wrap(text, width - labelWidth)));
  const shown = mark === undefined ? lines : lines.map(colours[mark]);
  const heads = wrap(label, width);
  const last = heads.at(-1) ?? "";
  if (heads.length > 1 || last.length >= labelWidth) return [...heads, ...shown.map((line) => indent(line))];
  return shown.map((line, index) => (index === 0 ? `${last.padEnd(labelWidth)}${line}` : indent(line)));
}

function cutText(lines: readonly string[]): string[] {
  const [last = ""] = lines.slice(mostLines - 1);
  return lines.length <= mostLines
    ? [...lines]
    : [...lines.slice(0, mostLines - 1), `${last.slice(0, -3)}...`];
}

function indent(line: string): string {
  return `${" ".repeat(labelWidth)}${line}`;
}

/** At most so many lines; the last tells that there were more. */
export function cutLines(lines: readonly string[], { height, width }: PageSize, more: string): string[] {
  if (lines.length <= height) return [...lines];
  return [...lines.slice(0, Math.max(0, height - 1)), ...wrap(more, width).slice(0, 1)];
}
