import { type Connection, type ConnectionOptions, createConnection } from "mysql2";
import { monotonic, withDeadline } from "../platform/clock.js";
import { KnownError, sentenceOf, systemCode } from "../platform/errors.js";
import { printable } from "../platform/printable.js";

/** One row of an answer: every column as text, as the text protocol has it. */
export type MysqlRow = Readonly<Record<string, string | null>>;

/** A MySQL or MariaDB server and the login to read it with. */
export interface MysqlAddress {
  readonly host: string;
  readonly port: number;
  readonly user: string;
  readonly password: string;
}

/** For the connection with its login, and for each statement. */
const connectDeadlineMs = 5_000;
const statementDeadlineMs = 10_000;

/** Numbers of the server's errors: access denied for a login, and for want of a privilege. */
const loginErrors = [1045, 1044, 1130, 1698, 1251];
const privilegeErrors = [1227, 1142, 1143, 1370];

/**
 * A connection of its own to one server, over TLS if the server offers it (its certificate is not verified: that keeps
 * listeners out, not impostors). The text protocol alone is used. Every statement has a deadline, after which the
 * connection is gone. Errors: `mysql-unreachable`, `mysql-refused` (login), `mysql-privilege`, `mysql-answer`.
 */
export class MysqlSession {
  readonly #connection: Connection;
  readonly #place: string;

  private constructor(connection: Connection, place: string) {
    this.#connection = connection;
    this.#place = place;
    // Whoever waits for an answer is told of it by that statement; without one nobody asks any more.
    connection.on("error", () => undefined);
  }

  static async open(address: MysqlAddress, ms = connectDeadlineMs): Promise<MysqlSession> {
    const began = monotonic();
    try {
      // The type of mysql2's option leaves no word for "if it is offered": so it is asked for first.
      return await MysqlSession.#connect(address, ms, { ssl: { rejectUnauthorized: false } });
    } catch (error) {
      if (!(error instanceof NoTls)) throw error;
      const left = Math.max(1, Math.round(ms - (monotonic() - began)));
      return MysqlSession.#connect(address, left, {});
    }
  }

  static async #connect(address: MysqlAddress, ms: number, tls: ConnectionOptions): Promise<MysqlSession> {
    const place = placeOf(address);
    const connection = createConnection({
      host: address.host,
      port: address.port,
      user: address.user,
      password: address.password,
      // Ours comes first: it covers the login too, which a server may begin and never end.
      connectTimeout: ms + 1_000,
      typeCast: (field) => field.string(),
      ...tls,
    });
    const session = new MysqlSession(connection, place);
    const connected = new Promise<void>((resolve, reject) => {
      connection.connect((error) => (error ? reject(explainConnect(error, address)) : resolve()));
    });
    try {
      await withDeadline(connected, ms, `The server at ${place}`, () => connection.destroy());
    } catch (error) {
      connection.destroy();
      if (!(error instanceof KnownError) || error.code !== "deadline") throw error;
      throw new KnownError("mysql-unreachable", error.message, {}, error);
    }
    return session;
  }

  /** The rows of a SELECT or SHOW. `need` names the privilege that it takes, for whoever lacks it. */
  async query(sql: string, need = "", ms = statementDeadlineMs): Promise<MysqlRow[]> {
    const answered = new Promise<unknown>((resolve, reject) => {
      this.#connection.query(sql, (error, rows) => (error ? reject(error) : resolve(rows)));
    });
    try {
      const rows = await withDeadline(answered, ms, `The server at ${this.#place}`, () =>
        this.#connection.destroy(),
      );
      return Array.isArray(rows) ? (rows as MysqlRow[]) : [];
    } catch (error) {
      throw this.#explain(error, need);
    }
  }

  /** Lets the connection go. */
  end(): void {
    this.#connection.destroy();
  }

  #explain(error: unknown, need: string): KnownError {
    if (error instanceof KnownError)
      return new KnownError("mysql-unreachable", error.message, error.fields, error);
    const number = numberOf(error);
    const sentence = printable(sentenceOf(error));
    if (number !== undefined && privilegeErrors.includes(number)) {
      const wanted = need === "" ? "" : ` It takes ${need}.`;
      return new KnownError(
        "mysql-privilege",
        `The server at ${this.#place} does not let this user read that: ${sentence}.${wanted}`,
        {},
        error,
      );
    }
    // An error of the server's own has a number from 1000 on; without one the connection broke.
    if (number !== undefined && number >= 1000)
      return new KnownError("mysql-answer", `The server at ${this.#place}: ${sentence}`, { number }, error);
    return new KnownError(
      "mysql-unreachable",
      `The server at ${this.#place} dropped the connection: ${sentence}`,
      {},
      error,
    );
  }
}

/** The server has no TLS to offer. */
class NoTls extends Error {}

function explainConnect(error: Error, address: MysqlAddress): Error {
  if (systemCode(error) === "HANDSHAKE_NO_SSL_SUPPORT") return new NoTls();
  const number = numberOf(error);
  const sentence = printable(sentenceOf(error));
  if (number !== undefined && loginErrors.includes(number)) {
    return new KnownError(
      "mysql-refused",
      `The server at ${placeOf(address)} refused user "${printable(address.user)}": ${sentence}`,
      {},
      error,
    );
  }
  return new KnownError(
    "mysql-unreachable",
    `The server at ${placeOf(address)} cannot be reached: ${sentence}`,
    { systemCode: systemCode(error) },
    error,
  );
}

function placeOf({ host, port }: MysqlAddress): string {
  return `${printable(host)}:${port}`;
}

function numberOf(error: unknown): number | undefined {
  if (typeof error !== "object" || error === null || !("errno" in error)) return undefined;
  return typeof error.errno === "number" ? error.errno : undefined;
}
