import type { ColumnChange, RowDifference, Value } from "./difference.js";
import { type KeepLocal, keepsVariable } from "./keep-local.js";

/** A row that only one side has, and how often. */
export interface RawRow {
  readonly values: readonly Value[];
  readonly count: number;
}

export interface Paired {
  readonly table: string;
  readonly columns: readonly string[];
  readonly key: readonly string[];
  readonly keep: KeepLocal;
}

/**
 * Puts rows of the two sides together that have the same key: they are one row that was changed. The others were added
 * or removed. In the order of the keys.
 */
export function pairRows(paired: Paired, a: readonly RawRow[], b: readonly RawRow[]): RowDifference[] {
  const places = placesOf(paired);
  const before = byKey(a, places.key);
  const after = byKey(b, places.key);
  const keys = [...new Set([...before.keys(), ...after.keys()])].sort(compareKeys(before, after, places.key));
  return keys.flatMap((key) => differencesOf(paired, places, before.get(key) ?? [], after.get(key) ?? []));
}

interface Places {
  readonly key: readonly number[];
  readonly others: readonly number[];
}

function placesOf({ columns, key }: Paired): Places {
  const named = key.map((name) => columns.indexOf(name)).filter((place) => place >= 0);
  const all = columns.map((_, place) => place);
  // Without a key (or with a part of it that is not compared) the whole row is its name.
  if (named.length === 0 || named.length < key.length) return { key: all, others: [] };
  return { key: named, others: all.filter((place) => !named.includes(place)) };
}

function byKey(rows: readonly RawRow[], key: readonly number[]): Map<string, RawRow[]> {
  const found = new Map<string, RawRow[]>();
  for (const row of rows) {
    const name = JSON.stringify(key.map((place) => row.values[place]));
    const same = found.get(name);
    if (same) same.push(row);
    else found.set(name, [row]);
  }
  return found;
}

function differencesOf(
  paired: Paired,
  places: Places,
  before: readonly RawRow[],
  after: readonly RawRow[],
): RowDifference[] {
  if (places.others.length === 0) return multiset(paired, places, before[0], after[0]);
  const found: RowDifference[] = [];
  // A key is unique, but for NULLs in it: then rows are taken as they come.
  for (let place = 0; place < Math.max(before.length, after.length); place += 1) {
    const [had, has] = [before[place], after[place]];
    if (had && has) found.push(changed(paired, places, had, has));
    else if (has) found.push(single(paired, places, "added", has));
    else if (had) found.push(single(paired, places, "removed", had));
  }
  return found;
}

/** Whole rows, which may be there several times: only how often differs. */
function multiset(
  paired: Paired,
  places: Places,
  had: RawRow | undefined,
  has: RawRow | undefined,
): RowDifference[] {
  const more = (has?.count ?? 0) - (had?.count ?? 0);
  const row = has ?? had;
  if (row === undefined || more === 0) return [];
  const difference = single(paired, places, more > 0 ? "added" : "removed", row);
  return Array.from({ length: Math.abs(more) }, () => difference);
}

function single(
  paired: Paired,
  places: Places,
  change: "added" | "removed",
  { values }: RawRow,
): RowDifference {
  return {
    change,
    key: named(paired, places.key, values),
    row: named(paired, places.others, values),
    columns: [],
    local: isLocal(paired, values, []),
  };
}

function changed(paired: Paired, places: Places, had: RawRow, has: RawRow): RowDifference {
  const columns: ColumnChange[] = places.others
    .filter((place) => had.values[place] !== has.values[place])
    .map((place) => ({
      column: paired.columns[place] ?? "",
      from: had.values[place] ?? null,
      to: has.values[place] ?? null,
    }));
  return {
    change: "changed",
    key: named(paired, places.key, has.values),
    row: null,
    columns,
    local: isLocal(paired, has.values, columns),
  };
}

function named(
  { columns }: Paired,
  places: readonly number[],
  values: readonly Value[],
): Record<string, Value> {
  return Object.fromEntries(places.map((place) => [columns[place] ?? "", values[place] ?? null]));
}

function isLocal(
  { table, keep, columns }: Paired,
  values: readonly Value[],
  changes: readonly ColumnChange[],
): boolean {
  if (keep.tables.has(table)) return true;
  if (table === "global_variables")
    return keepsVariable(keep, String(values[columns.indexOf("variable_name")]));
  const own = keep.columns.get(table);
  return changes.length > 0 && own !== undefined && changes.every(({ column }) => own.has(column));
}

/** Numbers by size, texts by their letters, as people look them up. */
function compareKeys(
  before: Map<string, RawRow[]>,
  after: Map<string, RawRow[]>,
  key: readonly number[],
): (x: string, y: string) => number {
  const valuesOf = (name: string): readonly Value[] =>
    (before.get(name) ?? after.get(name) ?? [])[0]?.values ?? [];
  return (x, y) => {
    const [left, right] = [valuesOf(x), valuesOf(y)];
    for (const place of key) {
      const order = compareValues(left[place] ?? null, right[place] ?? null);
      if (order !== 0) return order;
    }
    return 0;
  };
}

function compareValues(x: Value, y: Value): number {
  if (x === y) return 0;
  if (typeof x === "number" && typeof y === "number") return x - y;
  if (typeof x === typeof y) return String(x) < String(y) ? -1 : 1;
  return rank(x) - rank(y);
}

function rank(value: Value): number {
  if (value === null) return 0;
  return typeof value === "number" ? 1 : 2;
}
