import { diffDatabases } from "./diff.js";
import type { ConfigurationDiff, Value } from "./difference.js";
import { masked } from "./secrets.js";

/** A row that both sides changed, and not alike. */
export interface Conflict {
  readonly table: string;
  readonly key: Readonly<Record<string, Value>>;
}

/** What became of one configuration in the hands of two nodes. Secrets are masked. */
export interface DivergenceReport {
  /** What this node changed since the common snapshot; null if there is none to measure by. */
  readonly ours: ConfigurationDiff | null;
  /** What the other node changed since then. */
  readonly theirs: ConfigurationDiff | null;
  /** From ours to theirs: all that is not the same now. */
  readonly between: ConfigurationDiff;
  /** Rows that both changed, each in its own way; empty without a common snapshot. */
  readonly conflicts: readonly Conflict[];
}

export interface Sides {
  /** The database of the last snapshot that both had; null if it is gone. */
  readonly base: string | null;
  readonly ours: string;
  readonly theirs: string;
}

/** Rows listed of each table. A report is made by the agent itself and kept on disk; `snapshot diff` lists all. */
const mostRows = 2_000;

/** Tells row by row what two nodes that were both MASTER did to their common configuration. */
export async function divergenceReport({ base, ours, theirs }: Sides): Promise<DivergenceReport> {
  const between = masked(await diffDatabases(ours, theirs, { mostRows }));
  if (base === null) return { ours: null, theirs: null, between, conflicts: [] };
  const [mine, others] = [
    masked(await diffDatabases(base, ours, { mostRows })),
    masked(await diffDatabases(base, theirs, { mostRows })),
  ];
  const conflicts = rowsIn(between).filter(
    ({ name }) => namesIn(mine).has(name) && namesIn(others).has(name),
  );
  return {
    ours: mine,
    theirs: others,
    between,
    conflicts: conflicts.map(({ table, key }) => ({ table, key })),
  };
}

function rowsIn({ tables }: ConfigurationDiff): (Conflict & { name: string })[] {
  return tables.flatMap(({ table, rows }) =>
    rows.filter(({ local }) => !local).map(({ key }) => ({ table, key, name: JSON.stringify([table, key]) })),
  );
}

function namesIn(diff: ConfigurationDiff): Set<string> {
  return new Set(rowsIn(diff).map(({ name }) => name));
}
