import { setTimeout as sleep } from "node:timers/promises";
import Database from "better-sqlite3";
import { log } from "./log.js";
import { firstStatement, isBlank, requoteLiteral } from "./sql-text.js";

/** A value as SQLite gives it. */
export type SqlValue = string | number | bigint | Buffer | null;
/** The outcome of one statement: rows, or a count of changed rows. */
export interface SqlResult {
  columns: string[] | undefined;
  rows: SqlValue[][];
  affectedRows: number;
}

/** Pause between two tries on a locked database. ProxySQL sleeps 100 us; a timer cannot go below 1 ms. */
const BUSY_PAUSE_MS = 1;

/**
 * One SQLite connection that retries a locked database for ever, as ProxySQL does (lib/sqlite3db.cpp:208-375).
 * Whoever holds the admin mutex while it waits, holds up all other admin sessions.
 */
export class SqlConnection {
  readonly #database: Database.Database;

  /** Opens a file, or memory for `:memory:`. Throws when SQLite cannot open it. */
  constructor(path: string) {
    // No busy timeout: SQLite's own waiting would block the whole process instead of the admin sessions.
    this.#database = new Database(path, { timeout: 0 });
  }

  /** Runs one statement and waits for locks. Throws SQLite's error. */
  async query(sql: string): Promise<SqlResult> {
    for (;;) {
      try {
        return this.#once(sql);
      } catch (error) {
        if (!isBusy(error)) throw error;
      }
      await sleep(BUSY_PAUSE_MS);
    }
  }

  /** Runs a statement whose failure ProxySQL only logs. Returns whether it succeeded. */
  async execute(sql: string): Promise<boolean> {
    try {
      await this.query(sql);
      return true;
    } catch (error) {
      log("ERROR", `SQLITE error: ${messageOf(error)} --- ${sql}`);
      return false;
    }
  }

  /** Inserts rows at once; for tables in memory, where nothing can be locked. */
  insert(table: string, rows: readonly SqlValue[][], verb = "INSERT"): void {
    const width = rows[0]?.length ?? 0;
    if (width === 0) return;
    const statement = this.#database.prepare(
      `${verb} INTO ${table} VALUES (${Array(width).fill("?").join(",")})`,
    );
    for (const row of rows) statement.run(...row);
  }

  close(): void {
    this.#database.close();
  }

  #once(sql: string): SqlResult {
    const first = firstStatement(sql);
    if (isBlank(first)) throw new Error("not an error");
    const statement = this.#prepare(first);
    if (!statement.reader) {
      statement.run();
      // ProxySQL answers sqlite3_changes(), which keeps the count of the last change over statements like VACUUM.
      const changes = this.#database.prepare("SELECT changes()").pluck().get();
      return { columns: undefined, rows: [], affectedRows: Number(changes) };
    }
    const columns = statement.columns().map((column) => column.name);
    return { columns, rows: statement.raw().safeIntegers().all() as SqlValue[][], affectedRows: 0 };
  }

  #prepare(sql: string): Database.Statement {
    try {
      return this.#database.prepare(sql);
    } catch (error) {
      const text = /^no such column: "(.*)" - should this be a string literal/.exec(messageOf(error))?.[1];
      if (text === undefined) throw error;
      return this.#prepare(requoteLiteral(sql, text));
    }
  }
}

/** The text of anything thrown. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** True for SQLite's "database is locked" and "database table is locked". */
export function isBusy(error: unknown): boolean {
  return error instanceof Database.SqliteError && /^SQLITE_(BUSY|LOCKED)/.test(error.code);
}
