import { printable } from "../platform/printable.js";

/**
 * The widest that a page gets: the 80 columns of a serial console less the last one. A terminal goes to the next line
 * after a character there (cons25), or erases it together with what follows (xterm).
 */
export const pageWidth = 79;

/**
 * A text as any terminal shows it, a column for each character: no controls, and ASCII alone, for a serial console
 * knows no other. Letters lose their accents, whatever is left becomes `?`.
 */
export function plain(text: string): string {
  return printable(text)
    .normalize("NFKD")
    .replace(/\p{M}/gu, "")
    .replace(/[^ -~]/gu, "?");
}

/** The text as lines of at most `width` columns, broken at blanks, and within a word that is longer. At least one. */
export function wrap(text: string, width: number): string[] {
  const lines: string[] = [];
  let line = "";
  for (const word of plain(text).split(" ")) {
    const together = line === "" ? word : `${line} ${word}`;
    if (together.length <= width) {
      line = together;
      continue;
    }
    if (line !== "") lines.push(line);
    line = word;
    for (; line.length > width; line = line.slice(width)) lines.push(line.slice(0, width));
  }
  return line === "" && lines.length > 0 ? lines : [...lines, line];
}

/** The same with every line after `first` columns in, the first one for a label that stands there. */
export function wrapAfter(label: string, text: string, width = pageWidth): string[] {
  const indent = " ".repeat(label.length);
  return wrap(text, width - label.length).map((line, index) => `${index === 0 ? label : indent}${line}`);
}
