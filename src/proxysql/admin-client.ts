import { readFile } from "node:fs/promises";
import { type Connection, createConnection, type RowDataPacket } from "mysql2/promise";
import { withDeadline } from "../platform/clock.js";
import { KnownError, sentenceOf, systemCode } from "../platform/errors.js";

/** One row of an admin answer: ProxySQL sends every column as text. */
export type AdminRow = Readonly<Record<string, string | null>>;

export interface AdminAddress {
  readonly host: string;
  readonly port: number;
  readonly socketPath?: string;
  readonly user: string;
  readonly passwordFile: string;
}

const connectDeadlineMs = 1_000;
/** No statement we send takes longer on a healthy ProxySQL; one that does has lost its database to somebody's lock. */
const statementDeadlineMs = 10_000;

/**
 * ProxySQL's admin over the MySQL text protocol: it has no prepared statements, no transactions, one statement a
 * query. One connection, made when first needed and again after it broke; every statement has a deadline, after which
 * the connection is torn down. Errors: `proxysql-unreachable`, `proxysql-refused` (login), `proxysql-statement`.
 */
export class AdminClient {
  readonly #address: AdminAddress;
  readonly #onLost: () => void;
  #connection: Promise<Connection> | undefined;
  #ended = false;

  /** `onLost` is called when ProxySQL ends a connection by itself: it may have died. */
  constructor(address: AdminAddress, onLost: () => void = () => {}) {
    this.#address = address;
    this.#onLost = onLost;
  }

  /** The rows of a SELECT or SHOW. */
  async query(sql: string, deadlineMs = statementDeadlineMs): Promise<AdminRow[]> {
    const rows = await this.#send(sql, deadlineMs);
    return Array.isArray(rows) ? (rows as unknown as AdminRow[]) : [];
  }

  /** Runs a statement for its effect. */
  async exec(sql: string, deadlineMs = statementDeadlineMs): Promise<void> {
    await this.#send(sql, deadlineMs);
  }

  /**
   * Lets the connection go for good. A statement that comes later is refused: it would open a connection that nobody
   * closes, and a process with one does not end.
   */
  end(): void {
    this.#ended = true;
    this.disconnect();
  }

  /** Lets the connection go at once; the next statement makes a new one. */
  disconnect(): void {
    const connection = this.#connection;
    this.#connection = undefined;
    connection?.then(
      (open) => open.destroy(),
      () => undefined,
    );
  }

  async #send(sql: string, deadlineMs: number): Promise<unknown> {
    const what = `ProxySQL's admin, ${shorten(sql)}`;
    return withDeadline(this.#ask(sql), deadlineMs, what, () => this.disconnect());
  }

  async #ask(sql: string): Promise<unknown> {
    const connection = await this.#connect();
    try {
      const [rows] = await connection.query<RowDataPacket[]>(sql);
      return rows;
    } catch (error) {
      throw this.#explain(error, sql);
    }
  }

  async #connect(): Promise<Connection> {
    if (this.#ended)
      throw new KnownError("proxysql-unreachable", `The connection to ${this.#place()} has been ended.`);
    if (this.#connection) return this.#connection;
    const attempt = this.#open();
    this.#connection = attempt;
    attempt.catch(() => {
      if (this.#connection === attempt) this.#connection = undefined;
    });
    return attempt;
  }

  async #open(): Promise<Connection> {
    const { host, port, socketPath, user, passwordFile } = this.#address;
    const password = await readPassword(passwordFile);
    try {
      const connection = await createConnection({
        ...(socketPath === undefined ? { host, port } : { socketPath }),
        user,
        password,
        connectTimeout: connectDeadlineMs,
        supportBigNumbers: true,
        bigNumberStrings: true,
      });
      // Only forgotten, not destroyed: a statement that waits is told of the end by mysql2, right after this.
      const forget = (): void => this.#lose(connection);
      connection.on("error", forget);
      connection.on("end", forget);
      return connection;
    } catch (error) {
      if (errnoOf(error) === 1045) {
        throw new KnownError(
          "proxysql-refused",
          `ProxySQL's admin at ${this.#place()} refused user "${user}".`,
          {},
          error,
        );
      }
      throw new KnownError(
        "proxysql-unreachable",
        `ProxySQL's admin at ${this.#place()} does not answer: ${sentenceOf(error)}`,
        { systemCode: systemCode(error) },
        error,
      );
    }
  }

  #lose(connection: Connection): void {
    const current = this.#connection;
    current?.then(
      (open) => {
        // One that we let go ourselves is no news.
        if (open !== connection || this.#connection !== current) return;
        this.#connection = undefined;
        this.#onLost();
      },
      () => undefined,
    );
  }

  #place(): string {
    return this.#address.socketPath ?? `${this.#address.host}:${this.#address.port}`;
  }

  #explain(error: unknown, sql: string): unknown {
    if (error instanceof KnownError) return error;
    if (
      errnoOf(error) !== undefined &&
      errnoOf(error) !== 0 &&
      /ProxySQL Admin Error/.test(sentenceOf(error))
    ) {
      return new KnownError(
        "proxysql-statement",
        `ProxySQL refused ${shorten(sql)}: ${sentenceOf(error)}`,
        {},
        error,
      );
    }
    this.disconnect();
    return new KnownError(
      "proxysql-unreachable",
      `ProxySQL's admin at ${this.#place()} dropped the connection during ${shorten(sql)}: ${sentenceOf(error)}`,
      {},
      error,
    );
  }
}

async function readPassword(file: string): Promise<string> {
  try {
    return (await readFile(file, "utf8")).replace(/\r?\n$/, "");
  } catch (error) {
    throw new KnownError(
      "proxysql-refused",
      `The password file ${file} cannot be read: ${sentenceOf(error)}`,
      {},
      error,
    );
  }
}

function errnoOf(error: unknown): number | undefined {
  if (typeof error !== "object" || error === null || !("errno" in error)) return undefined;
  return typeof error.errno === "number" ? error.errno : undefined;
}

/** A statement as it may be shown: its first words only, since what follows can hold passwords. */
function shorten(sql: string): string {
  const words = sql.split(/\s+/).slice(0, 4).join(" ");
  return `"${words.slice(0, 60)}${words.length < sql.length ? " ..." : ""}"`;
}
