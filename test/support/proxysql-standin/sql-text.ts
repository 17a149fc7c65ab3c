/** Collapses white space and drops trailing `;`, as ProxySQL does before it compares a text with its commands. */
export function normalise(query: string): string {
  const collapsed = query.replace(/\s+/g, " ").trim();
  return collapsed.replace(/[; ]+$/, "");
}

/** The first statement of a text: ProxySQL prepares only that and says nothing of the rest. */
export function firstStatement(query: string): string {
  let at = 0;
  while (at < query.length) {
    const char = query[at];
    if (char === ";") return query.slice(0, at);
    at = skip(query, at);
  }
  return query;
}

/** Next position after the character, quoted text or comment that starts here. */
function skip(query: string, at: number): number {
  const char = query[at] ?? "";
  if (char === "'" || char === '"' || char === "`") return after(query, char, at + 1);
  if (char === "[") return after(query, "]", at + 1);
  if (query.startsWith("--", at)) return after(query, "\n", at + 2);
  if (query.startsWith("/*", at)) return after(query, "*/", at + 2);
  return at + 1;
}

function after(query: string, end: string, from: number): number {
  const found = query.indexOf(end, from);
  return found < 0 ? query.length : found + end.length;
}

/** True for a text without any statement: empty, blank or comments only. */
export function isBlank(query: string): boolean {
  return query.replace(/\/\*[\s\S]*?(\*\/|$)|--[^\n]*/g, "").trim() === "";
}

/** `"text"` as `'text'`: ProxySQL's SQLite takes a quoted name that is no column for a string, this one does not. */
export function requoteLiteral(query: string, text: string): string {
  return query.replaceAll(`"${text}"`, `'${text.replaceAll("'", "''")}'`);
}

/** A string as SQL literal. */
export function literal(text: string): string {
  return `'${text.replaceAll("'", "''")}'`;
}
