import { chmodSync } from "node:fs";
import Database from "better-sqlite3";
import { wallClock } from "../platform/clock.js";
import { KnownError, sentenceOf } from "../platform/errors.js";
import { migrations } from "./schema.js";

/** How a step ended. */
export type Outcome = "done" | "failed" | "abandoned";

/** How a transition ended; `interrupted`: the agent itself ended in the middle of it. */
export type TransitionOutcome = Exclude<Outcome, "failed"> | "interrupted";

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
 * The journal is ours alone, but anybody may have it open in a shell. A write waits in the middle of everything else the
 * agent does: long enough for somebody else's statement, too short to miss a peer's heartbeat. SQLite for Node waits 5 s.
 */
const lockWaitMs = 250;

/**
 * The agent's own database: what it knows across restarts (`state`) and what it did (everything else). SQLite in WAL
 * mode. A state is fsynced and there after a power cut; a record may lose its last seconds to one, so that writing
 * down a promotion does not slow it. One writer, the agent. Where another process locks it all the same, one write waits
 * for that, and those after it fail at once until one succeeds: a promotion makes some twenty.
 */
export class Journal {
  readonly #db: Database.Database;
  readonly #onTrouble: (error: unknown) => void;
  #writable = true;

  private constructor(db: Database.Database, onTrouble: (error: unknown) => void) {
    this.#db = db;
    this.#onTrouble = onTrouble;
  }

  /**
   * Opens or makes the journal. A damaged file is an error (`state-damaged`), never silently replaced. Later on a record
   * that cannot be written is told to `onTrouble` and left out: a full disk must not keep a node from taking over.
   */
  static open(file: string, onTrouble: (error: unknown) => void): Journal {
    try {
      const db = new Database(file);
      chmodSync(file, 0o600);
      db.pragma("journal_mode = WAL");
      db.pragma("synchronous = NORMAL");
      migrate(db);
      prune(db);
      db.pragma(`busy_timeout = ${lockWaitMs}`);
      return new Journal(db, onTrouble);
    } catch (error) {
      throw new KnownError(
        "state-damaged",
        `${file}: the journal cannot be used: ${sentenceOf(error)}`,
        {},
        error,
      );
    }
  }

  /** False after a write that failed, until one succeeds. */
  get writable(): boolean {
    return this.#writable;
  }

  /** Looks whether it can be written again: after a write that failed there may be no other one for hours. */
  probe(): void {
    try {
      this.write({ probe: isoNow() });
    } catch {
      // Told when it was found.
    }
  }

  /** A value kept under `name`, or undefined. The reader checks its shape. */
  read(name: string): unknown {
    const row = this.#db
      .prepare<[string], { value: string }>("SELECT value FROM state WHERE name = ?")
      .get(name);
    return row === undefined ? undefined : JSON.parse(row.value);
  }

  /**
   * Keeps several values at once: all or none. Unlike a record, a state that cannot be kept is an error:
   * `state-unwritable`.
   */
  write(values: Readonly<Record<string, unknown>>): void {
    this.#db.pragma("synchronous = FULL");
    try {
      const put = this.#db.prepare("INSERT OR REPLACE INTO state (name, value) VALUES (?, ?)");
      this.#db.transaction(() => {
        for (const [name, value] of Object.entries(values)) put.run(name, JSON.stringify(value));
      })();
      this.#wrote();
    } catch (error) {
      this.#couldNotWrite();
      if (!(error instanceof Database.SqliteError)) throw error;
      throw new KnownError(
        "state-unwritable",
        `${this.#db.name}: the journal cannot be written: ${sentenceOf(error)}`,
        {},
        error,
      );
    } finally {
      this.#db.pragma("synchronous = NORMAL");
    }
  }

  /** Keeps values whose loss does no harm: what cannot be kept is told, and left out, as a record is. */
  tryWrite(values: Readonly<Record<string, unknown>>): void {
    try {
      this.write(values);
    } catch (error) {
      this.#onTrouble(error);
    }
  }

  /** The new transition's id, or null if it could not be recorded. */
  beginTransition(before: string, role: string, cause: string): number | null {
    return this.#record(
      "INSERT INTO transitions (started_at, role_before, role, cause) VALUES (?, ?, ?, ?)",
      isoNow(),
      before,
      role,
      cause,
    );
  }

  /** What was planned so far, look by look: each plan's steps as people read them. */
  planTransition(id: number, plans: readonly (readonly string[])[]): void {
    this.#record("UPDATE transitions SET plan = ? WHERE id = ?", JSON.stringify(plans), id);
  }

  endTransition(id: number, outcome: TransitionOutcome, ms: number): void {
    this.#record(
      "UPDATE transitions SET outcome = ?, ended_at = ?, ms = ? WHERE id = ?",
      outcome,
      isoNow(),
      ms,
      id,
    );
  }

  /** Transitions that an agent before this one did not end, for it was killed. When that was is not known. */
  endInterrupted(): void {
    this.#record("UPDATE transitions SET outcome = 'interrupted' WHERE outcome IS NULL");
  }

  addStep(transition: number | null, record: StepRecord): void {
    this.#record(
      "INSERT INTO steps (transition_id, started_at, step, detail, outcome, error, ms) VALUES (?, ?, ?, ?, ?, ?, ?)",
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
    this.#record(
      "INSERT INTO snapshots (at, snapshot, event, peer, bytes, ms, detail) VALUES (?, ?, ?, ?, ?, ?, ?)",
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
    this.#record(
      "INSERT INTO notes (at, kind, detail) VALUES (?, ?, ?)",
      isoNow(),
      kind,
      JSON.stringify(detail),
    );
  }

  #record(sql: string, ...values: readonly (string | number | null)[]): number | null {
    try {
      const { lastInsertRowid } = this.#db.prepare(sql).run(...values);
      this.#wrote();
      return Number(lastInsertRowid);
    } catch (error) {
      this.#couldNotWrite();
      this.#onTrouble(error);
      return null;
    }
  }

  #wrote(): void {
    if (this.#writable) return;
    this.#writable = true;
    this.#db.pragma(`busy_timeout = ${lockWaitMs}`);
  }

  #couldNotWrite(): void {
    this.#writable = false;
    if (this.#db.open) this.#db.pragma("busy_timeout = 0");
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

  /** Rows for the history and for figures. A statement that would change something is refused. */
  query<Row>(sql: string, ...values: readonly (string | number | null)[]): Row[] {
    const statement = this.#db.prepare<unknown[], Row>(sql);
    if (!statement.readonly) throw new Error(`Not a question: ${sql}`);
    return statement.all(...values);
  }

  close(): void {
    this.#db.close();
  }
}

/** Records kept of each kind: years of failovers, weeks of snapshots. */
const kept = { transitions: 2_000, steps: 20_000, snapshots: 20_000, notes: 2_000 } as const;

function prune(db: Database.Database): void {
  db.pragma("foreign_keys = OFF");
  for (const [table, count] of Object.entries(kept)) {
    db.prepare(`DELETE FROM ${table} WHERE id <= (SELECT max(id) FROM ${table}) - ?`).run(count);
  }
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
