import { chmodSync } from "node:fs";
import Database from "better-sqlite3";
import { wallClock } from "../platform/clock.js";
import { KnownError, sentenceOf } from "../platform/errors.js";
import { migrations } from "./schema.js";

/** How a step or a transition ended. */
export type Outcome = "done" | "failed" | "abandoned";

/** One step of a plan as it was performed. Times in milliseconds. */
export interface StepRecord {
  readonly step: string;
  readonly detail?: string;
  readonly outcome: Outcome;
  readonly error?: string;
  readonly ms: number;
}

export type SnapshotEvent = "taken" | "shipped" | "refused-by-peer" | "received" | "installed" | "refused";

export interface SnapshotRecord {
  readonly snapshot: string;
  readonly event: SnapshotEvent;
  readonly peer?: string;
  readonly bytes?: number;
  readonly ms?: number;
  readonly detail?: string;
}

/**
 * The agent's own database: what it knows across restarts (`state`) and what it did (everything else). SQLite in WAL
 * mode, synchronous=FULL: a state that was written is there after a power cut. One writer, the agent.
 */
export class Journal {
  readonly #db: Database.Database;

  private constructor(db: Database.Database) {
    this.#db = db;
  }

  /** Opens or makes the journal. A damaged file is an error (`state-damaged`), never silently replaced. */
  static open(file: string): Journal {
    try {
      const db = new Database(file);
      chmodSync(file, 0o600);
      db.pragma("journal_mode = WAL");
      db.pragma("synchronous = FULL");
      migrate(db);
      return new Journal(db);
    } catch (error) {
      throw new KnownError(
        "state-damaged",
        `${file}: the journal cannot be used: ${sentenceOf(error)}`,
        {},
        error,
      );
    }
  }

  /** A value kept under `name`, or undefined. The reader checks its shape. */
  read(name: string): unknown {
    const row = this.#db
      .prepare<[string], { value: string }>("SELECT value FROM state WHERE name = ?")
      .get(name);
    return row === undefined ? undefined : JSON.parse(row.value);
  }

  /** Keeps several values at once: all or none. */
  write(values: Readonly<Record<string, unknown>>): void {
    const put = this.#db.prepare("INSERT OR REPLACE INTO state (name, value) VALUES (?, ?)");
    this.#db.transaction(() => {
      for (const [name, value] of Object.entries(values)) put.run(name, JSON.stringify(value));
    })();
  }

  beginTransition(before: string, role: string, cause: string): number {
    const result = this.#db
      .prepare("INSERT INTO transitions (started_at, role_before, role, cause) VALUES (?, ?, ?, ?)")
      .run(isoNow(), before, role, cause);
    return Number(result.lastInsertRowid);
  }

  endTransition(id: number, outcome: Outcome, ms: number): void {
    this.#db
      .prepare("UPDATE transitions SET outcome = ?, ended_at = ?, ms = ? WHERE id = ?")
      .run(outcome, isoNow(), ms, id);
  }

  addStep(transition: number | null, record: StepRecord): void {
    this.#db
      .prepare(
        "INSERT INTO steps (transition_id, started_at, step, detail, outcome, error, ms) VALUES (?, ?, ?, ?, ?, ?, ?)",
      )
      .run(
        transition,
        new Date(wallClock() - record.ms).toISOString(),
        record.step,
        record.detail ?? null,
        record.outcome,
        record.error ?? null,
        record.ms,
      );
  }

  addSnapshot(record: SnapshotRecord): void {
    this.#db
      .prepare(
        "INSERT INTO snapshots (at, snapshot, event, peer, bytes, ms, detail) VALUES (?, ?, ?, ?, ?, ?, ?)",
      )
      .run(
        isoNow(),
        record.snapshot,
        record.event,
        record.peer ?? null,
        record.bytes ?? null,
        record.ms ?? null,
        record.detail ?? null,
      );
  }

  /** Something an operator should find later: a divergence, a promotion without a snapshot. */
  addNote(kind: string, detail: unknown): void {
    this.#db
      .prepare("INSERT INTO notes (at, kind, detail) VALUES (?, ?, ?)")
      .run(isoNow(), kind, JSON.stringify(detail));
  }

  /** The newest snapshot record of a kind, of one peer if named. */
  lastSnapshot(event: SnapshotEvent, peer?: string): { at: string; snapshot: string } | undefined {
    const wherePeer = peer === undefined ? "" : "AND peer = @peer";
    return this.#db
      .prepare<{ event: string; peer: string | null }, { at: string; snapshot: string }>(
        `SELECT at, snapshot FROM snapshots WHERE event = @event ${wherePeer} ORDER BY id DESC LIMIT 1`,
      )
      .get({ event, peer: peer ?? null });
  }

  /** The newest transitions with their steps, newest first. */
  transitions(limit: number): readonly TransitionRow[] {
    const rows = this.#db
      .prepare<[number], Omit<TransitionRow, "steps">>("SELECT * FROM transitions ORDER BY id DESC LIMIT ?")
      .all(limit);
    const steps = this.#db.prepare<[number], StepRow>(
      "SELECT started_at, step, detail, outcome, error, ms FROM steps WHERE transition_id = ? ORDER BY id",
    );
    return rows.map((row) => ({ ...row, steps: steps.all(row.id) }));
  }

  close(): void {
    this.#db.close();
  }
}

export interface StepRow {
  readonly started_at: string;
  readonly step: string;
  readonly detail: string | null;
  readonly outcome: Outcome;
  readonly error: string | null;
  readonly ms: number;
}

export interface TransitionRow {
  readonly id: number;
  readonly started_at: string;
  readonly role_before: string;
  readonly role: string;
  readonly cause: string;
  readonly outcome: Outcome | null;
  readonly ended_at: string | null;
  readonly ms: number | null;
  readonly steps: readonly StepRow[];
}

function migrate(db: Database.Database): void {
  const version = db.pragma("user_version", { simple: true }) as number;
  if (version > migrations.length) {
    throw new Error(`it was written by a newer version (schema ${version}, known ${migrations.length})`);
  }
  for (const [index, sql] of migrations.entries()) {
    if (index < version) continue;
    db.transaction(() => {
      db.exec(sql);
      db.pragma(`user_version = ${index + 1}`);
    })();
  }
}

function isoNow(): string {
  return new Date(wallClock()).toISOString();
}
