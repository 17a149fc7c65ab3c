import type { Rows } from "./history-rows.js";
import type { Outcome, SnapshotEvent } from "./journal.js";

/** How much of each happened since the agent began to count, for counters that only grow. */
export interface TotalsView {
  /** By the role that came. */
  readonly transitions: Readonly<Record<string, number>>;
  readonly steps: Readonly<Record<Outcome, number>>;
  readonly snapshots: Readonly<Record<SnapshotEvent, number>>;
  /** By their kind. */
  readonly notes: Readonly<Record<string, number>>;
}

const tables = {
  transitions: "role",
  steps: "outcome",
  snapshots: "event",
  notes: "kind",
} as const;
type Table = keyof typeof tables;

const counted = {
  transitions: { MASTER: 0, BACKUP: 0, INIT: 0, unknown: 0 },
  steps: { done: 0, failed: 0, abandoned: 0 },
  snapshots: { taken: 0, shipped: 0, "refused-by-peer": 0, received: 0, installed: 0, refused: 0 },
  notes: {},
} satisfies Record<Table, Record<string, number>>;

/**
 * Counts the journal's records from when it was made on; each look reads only what came since the last one. Not the
 * journal's own sum: its oldest records are removed now and then, and a counter must not fall.
 */
export class Totals {
  readonly #journal: Rows;
  readonly #seen: Record<Table, number>;
  readonly #view = structuredClone(counted);

  constructor(journal: Rows) {
    this.#journal = journal;
    this.#seen = {
      transitions: this.#newest("transitions"),
      steps: this.#newest("steps"),
      snapshots: this.#newest("snapshots"),
      notes: this.#newest("notes"),
    };
  }

  read(): TotalsView {
    for (const table of Object.keys(tables) as Table[]) this.#count(table, this.#view[table]);
    return structuredClone(this.#view);
  }

  #count(table: Table, into: Record<string, number>): void {
    const column = tables[table];
    const rows = this.#journal.query<{ name: string; n: number; newest: number }>(
      `SELECT ${column} AS name, count(*) AS n, max(id) AS newest FROM ${table} WHERE id > ? GROUP BY ${column}`,
      this.#seen[table],
    );
    for (const { name, n, newest } of rows) {
      into[name] = (into[name] ?? 0) + n;
      this.#seen[table] = Math.max(this.#seen[table], newest);
    }
  }

  #newest(table: Table): number {
    const [row] = this.#journal.query<{ id: number | null }>(`SELECT max(id) AS id FROM ${table}`);
    return row?.id ?? 0;
  }
}
