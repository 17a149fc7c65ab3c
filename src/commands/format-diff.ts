import { printable } from "../platform/printable.js";
import type { ColumnChange, RowDifference, TableDifference, Value } from "../snapshot/difference.js";
import type { TlsDifference } from "../snapshot/tls-difference.js";

/** One of the two sides of a difference. */
export interface DiffSide {
  readonly name: string;
  /** Its id and when it was taken, if it is a snapshot. */
  readonly snapshot: string | null;
  readonly takenAt: string | null;
  readonly note: string | null;
}

/** The document of `snapshot diff --json`. Described in docs/json.md. */
export interface DiffDocument {
  readonly schema: "proxysql-carp/diff/v1";
  readonly a: DiffSide;
  readonly b: DiffSide;
  readonly equal: boolean;
  readonly secrets: "masked" | "shown";
  /** Those that differ. */
  readonly tables: readonly TableDifference[];
  /** All that were compared. */
  readonly compared: readonly string[];
  readonly tls: readonly TlsDifference[] | null;
  readonly ms: number;
}

const signs = { added: "+", removed: "-", changed: "~" } as const;

/** The difference as text, line by line, every row of it. What comes out of databases does not reach the terminal raw. */
export function* diffLines(document: DiffDocument): Generator<string> {
  const { a, b, equal, tables, tls, compared } = document;
  yield line(`a: ${describe(a)}`);
  yield line(`b: ${describe(b)}`);
  for (const table of tables) yield* tableLines(table);
  for (const { name, change } of tls ?? []) yield line(`${signs[change]} ${name}`);
  if (tls === null) yield line("TLS files: not compared, one side has none to compare");
  yield line(equal ? `equal: ${counted(compared.length, "table")} compared` : summary(document));
}

function* tableLines(table: TableDifference): Generator<string> {
  yield line(`${table.table}${table.in === "both" ? "" : ` (only in ${table.in})`}: ${counts(table)}`);
  for (const column of table.columnsOnlyInA) yield line(`  - column ${column}`);
  for (const column of table.columnsOnlyInB) yield line(`  + column ${column}`);
  for (const row of table.rows) yield line(`  ${signs[row.change]} ${describeRow(table, row)}`);
  if (table.omitted > 0) yield line(`  and ${table.omitted} rows more`);
}

/** One row on one line: what names it, then what it has or how it differs. */
export function describeRow({ table }: TableDifference, difference: RowDifference): string {
  const own = difference.local ? " (each host's own)" : "";
  return `${table === "global_variables" ? variable(difference) : row(difference)}${own}`;
}

function variable({ key, row: values, columns }: RowDifference): string {
  const value =
    values === null
      ? changes(columns.map((column) => ({ ...column, column: "" })))
      : shown(values.variable_value ?? null);
  return `${String(key.variable_name)}: ${value.trim()}`;
}

/** Columns that are NULL in a new or a lost row tell nothing: some tables have thirty of them. */
function row({ key, row: values, columns }: RowDifference): string {
  const said =
    values === null ? changes(columns) : pairs(Object.entries(values).filter(([, value]) => value !== null));
  return `${pairs(Object.entries(key))}${said === "" ? "" : `: ${said}`}`;
}

function changes(columns: readonly ColumnChange[]): string {
  return columns.map(({ column, from, to }) => `${column} ${shown(from)} -> ${shown(to)}`).join(", ");
}

function pairs(values: readonly (readonly [string, Value])[]): string {
  return values.map(([column, value]) => `${column}=${shown(value)}`).join(" ");
}

/** As SQL writes it. */
function shown(value: Value): string {
  if (value === null) return "NULL";
  return typeof value === "number" ? String(value) : `'${value.replaceAll("'", "''")}'`;
}

function counts({ added, removed, changed }: TableDifference): string {
  const parts = [
    [added, "added"],
    [removed, "removed"],
    [changed, "changed"],
  ] as const;
  const said = parts.filter(([count]) => count > 0).map(([count, what]) => `${count} ${what}`);
  return said.length === 0 ? "other columns" : said.join(", ");
}

function summary({ tables, tls }: DiffDocument): string {
  const rows = tables.reduce((sum, { added, removed, changed }) => sum + added + removed + changed, 0);
  const own = tables.reduce((sum, table) => sum + table.rows.filter(({ local }) => local).length, 0);
  const files = tls === null || tls.length === 0 ? "" : `, and ${counted(tls.length, "TLS file")}`;
  const local = own > 0 ? `; ${own} of them each host's own` : "";
  return `different: ${counted(rows, "row")} in ${counted(tables.length, "table")}${local}${files}`;
}

function counted(count: number, what: string): string {
  return `${count} ${what}${count === 1 ? "" : "s"}`;
}

function describe({ name, snapshot, takenAt, note }: DiffSide): string {
  const taken =
    snapshot === null ? "" : ` (${snapshot === name ? "" : `snapshot ${snapshot}, `}taken ${takenAt})`;
  return `${name}${taken}${note === null ? "" : `: ${note}`}`;
}

function line(text: string): string {
  return `${printable(text)}\n`;
}
