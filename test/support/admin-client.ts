import mysql, { type OkPacket, type ResultSetHeader } from "mysql2/promise";

/** Where and as whom to log in. Times are milliseconds. */
export interface AdminClientOptions {
  port?: number;
  socketPath?: string;
  user?: string;
  password?: string;
  timeout?: number;
}

/** What came back for one statement. */
export type AdminAnswer =
  | { columns: string[]; rows: (string | null)[][] }
  | { ok: { affectedRows: number; info: string } }
  | { error: { errno?: number; sqlState?: string; message: string } };

/** A session on ProxySQL's admin or client port. Every statement has a deadline. */
export interface AdminClient {
  /** Sends a statement and returns whatever came back, errors included. */
  ask(sql: string): Promise<AdminAnswer>;
  /** Rows of a query. Throws the server's error. */
  rows(sql: string): Promise<(string | null)[][]>;
  /** Runs a statement. Throws the server's error. */
  run(sql: string): Promise<void>;
  /** COM_STMT_PREPARE, which ProxySQL's admin refuses. */
  prepare(sql: string): Promise<void>;
  close(): void;
}

/** Logs in to 127.0.0.1 or a socket, as `admin` unless told otherwise. Throws when refused or not answered in time. */
export async function connectAdmin(options: AdminClientOptions): Promise<AdminClient> {
  const timeout = options.timeout ?? 15_000;
  const connection = await mysql.createConnection({
    host: "127.0.0.1",
    user: options.user ?? "admin",
    password: options.password ?? "admin",
    connectTimeout: timeout,
    ...(options.port === undefined ? {} : { port: options.port }),
    ...(options.socketPath === undefined ? {} : { socketPath: options.socketPath }),
  });
  connection.on("error", () => undefined);
  const send = (sql: string) => connection.query({ sql, rowsAsArray: true, timeout });
  return {
    async ask(sql) {
      try {
        const [result, fields] = await send(sql);
        if (!Array.isArray(result)) return { ok: countOf(result) };
        return { columns: fields.map((field) => field.name), rows: textsOf(result) };
      } catch (error) {
        return { error: errorOf(error) };
      }
    },
    async rows(sql) {
      const [result] = await send(sql);
      return Array.isArray(result) ? textsOf(result) : [];
    },
    async run(sql) {
      await send(sql);
    },
    async prepare(sql) {
      await connection.prepare(sql);
    },
    close() {
      connection.destroy();
    },
  };
}

function countOf(result: ResultSetHeader | OkPacket): { affectedRows: number; info: string } {
  return { affectedRows: result.affectedRows, info: "info" in result ? result.info : "" };
}

function textsOf(rows: unknown[]): (string | null)[][] {
  return rows.map((row) => (row as unknown[]).map((value) => (value === null ? null : String(value))));
}

function errorOf(error: unknown): { errno?: number; sqlState?: string; message: string } {
  if (!(error instanceof Error)) return { message: String(error) };
  const { errno, sqlState } = error as Error & { errno?: number; sqlState?: string };
  return {
    ...(errno === undefined ? {} : { errno }),
    ...(sqlState === undefined ? {} : { sqlState }),
    message: error.message,
  };
}
