import { KnownError } from "../platform/errors.js";

/**
 * A name as SQL takes it. Table and column names come out of databases that another host sent, so anything that is
 * not a plain word is an error (`snapshot-refused`) rather than something to escape cleverly.
 */
export function identifier(name: string): string {
  if (!/^[A-Za-z_][A-Za-z0-9_]*$/.test(name)) {
    throw new KnownError("snapshot-refused", `"${name}" is no name of a table or column of ProxySQL.`);
  }
  return `"${name}"`;
}

/** A text as SQL takes it. ProxySQL's admin takes one statement a query and no parameters. */
export function literal(text: string): string {
  if (text.includes("\0"))
    throw new KnownError("not-done", "A text with a NUL byte cannot be part of a statement.");
  return `'${text.replaceAll("'", "''")}'`;
}

/** Names in SQL, comma between them, each with a prefix such as `s.`. */
export function columnList(columns: readonly string[], prefix = ""): string {
  return columns.map((column) => `${prefix}${identifier(column)}`).join(", ");
}

/** A condition that two rows agree in all of `columns`, NULL being equal to NULL. */
export function sameIn(columns: readonly string[], left: string, right: string): string {
  return columns
    .map((column) => `${left}.${identifier(column)} IS ${right}.${identifier(column)}`)
    .join(" AND ");
}
