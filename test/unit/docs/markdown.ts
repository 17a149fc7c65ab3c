/** A row of a Markdown table: its cells, without what only marks them up. */
export interface Row {
  readonly cells: readonly string[];
}

/** The text below a heading (of any level), up to the next one of the same or a higher level. */
export function section(markdown: string, title: string): string {
  const lines = markdown.split("\n");
  const start = lines.findIndex((line) => /^#+ /.test(line) && line.replace(/^#+ /, "") === title);
  if (start < 0) throw new Error(`there is no heading "${title}"`);
  const level = (/^#+/.exec(lines[start] ?? "")?.[0] ?? "").length;
  const length = lines
    .slice(start + 1)
    .findIndex((line) => (/^#+ /.exec(line)?.[0].length ?? 99) - 1 <= level);
  return lines.slice(start + 1, length < 0 ? undefined : start + 1 + length).join("\n");
}

/** All table rows of a text, heads and rules left out. */
export function tableRows(markdown: string): Row[] {
  return markdown
    .split("\n")
    .filter((line) => /^\| *`/.test(line))
    .map((line) => ({
      cells: line
        .slice(1, line.lastIndexOf("|"))
        .split(/(?<!\\)\|/)
        .map((cell) => cell.trim()),
    }));
}

/** What a cell has in backticks, or undefined. */
export function code(cell: string | undefined): string | undefined {
  return /^`(.+)`$/.exec(cell ?? "")?.[1];
}
