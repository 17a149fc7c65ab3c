/**
 * A value of SQLite's as JSON has it: integers beyond 2^53 as digits, bytes and texts that are no UTF-8 as `X'C3'`.
 * Apart from that a text is a text and a number is a number.
 */
export type Value = null | number | string;

/** One column of a row that both sides have. */
export interface ColumnChange {
  readonly column: string;
  /** What the first side has. */
  readonly from: Value;
  readonly to: Value;
}

/** A row that the two sides do not have alike. `added`: only the second side has it; `removed`: only the first. */
export interface RowDifference {
  readonly change: "added" | "removed" | "changed";
  /** What names the row: the primary key. A table without one has all columns here. */
  readonly key: Readonly<Record<string, Value>>;
  /** The other columns of a row that is added or removed; null for a changed one. */
  readonly row: Readonly<Record<string, Value>> | null;
  /** What differs in a changed row. */
  readonly columns: readonly ColumnChange[];
  /** It is each host's own (`keep_local`): no snapshot brings it from one to the other. */
  readonly local: boolean;
}

/** A table that the two sides do not have alike. */
export interface TableDifference {
  readonly table: string;
  /** Who has a table of that name. */
  readonly in: "both" | "a" | "b";
  /** Columns of the primary key; none for a table without one. */
  readonly key: readonly string[];
  readonly added: number;
  readonly removed: number;
  readonly changed: number;
  /** Columns that only one side has, which happens between versions of ProxySQL. They are not compared. */
  readonly columnsOnlyInA: readonly string[];
  readonly columnsOnlyInB: readonly string[];
  readonly rows: readonly RowDifference[];
  /** Rows that are counted above and left out here. */
  readonly omitted: number;
}

/** How the configuration in one database differs from that in another. */
export interface ConfigurationDiff {
  readonly equal: boolean;
  /** Only tables that differ, by name. */
  readonly tables: readonly TableDifference[];
  /** The names of all tables that were compared. */
  readonly compared: readonly string[];
}

/** How one table is compared, if not simply as it is. */
export interface TableRule {
  /** A condition in SQL that a row must meet on both sides to be compared. Of constants, never of a file's text. */
  readonly where?: string;
  /** Columns that are not compared. */
  readonly ignore?: readonly string[];
  /** Columns whose clear passwords are compared as ProxySQL hashes them. */
  readonly hashed?: readonly string[];
}

export interface DiffOptions {
  /** The tables to compare, with their rules; without it all of them as they are. */
  readonly only?: Readonly<Record<string, TableRule>>;
  /** What is each host's own, as in `keep_local`; the default list without it. */
  readonly keepLocal?: readonly string[];
  /** The most rows to list of each table; all without it. */
  readonly mostRows?: number;
}

/** The same difference without the rows that are each host's own. */
export function withoutLocal({ tables, compared }: ConfigurationDiff): ConfigurationDiff {
  const left = tables.flatMap((table): TableDifference[] => {
    const rows = table.rows.filter(({ local }) => !local);
    const counted = (change: RowDifference["change"]): number =>
      rows.filter((row) => row.change === change).length;
    const columns = table.columnsOnlyInA.length + table.columnsOnlyInB.length;
    if (rows.length === 0 && columns === 0) return [];
    const counts = { added: counted("added"), removed: counted("removed"), changed: counted("changed") };
    return [{ ...table, ...counts, rows }];
  });
  return { equal: left.length === 0, tables: left, compared };
}
