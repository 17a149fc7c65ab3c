import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { createConnection } from "mysql2/promise";
import { freePort } from "./proxysql.js";

/** How to start a MariaDB. */
export interface MariadbOptions {
  readonly port?: number;
  readonly serverId: number;
  /** `read_only` at each start; default off. */
  readonly readOnly?: boolean;
  /** `gtid_strict_mode` at each start; default on. */
  readonly strict?: boolean;
  /** Writes binary logs, replicated events too; default on. */
  readonly logBin?: boolean;
  /** More of mariadbd's options. */
  readonly args?: readonly string[];
}

/** One row of an answer, every column as text. */
export type Row = Readonly<Record<string, string | null>>;

/** A running MariaDB on 127.0.0.1. `root` has no password; replication logs in as `repl`. */
export interface Mariadb {
  readonly serverId: number;
  readonly port: number;
  readonly datadir: string;
  /** As root, each on a connection of its own: the rows of the last statement. */
  query(...statements: string[]): Promise<Row[]>;
  /** Becomes a replica of the other by GTID, and waits until it is connected. */
  replicateFrom(other: Mariadb): Promise<void>;
  /** Waits until it has all that the other has written. */
  catchUpWith(other: Mariadb): Promise<void>;
  /** Ends replication for good and takes writes, as a failover does it. */
  promote(): Promise<void>;
  /** SIGKILL, and waits for the end. */
  kill(): Promise<void>;
  /** Starts it again, ended or not (then by SIGKILL), on its files and its port. */
  restart(): Promise<void>;
  /** SIGKILL, and its files are removed. */
  stop(): Promise<void>;
  /** What it has written to its log so far. */
  log(): string;
}

const readyMs = 60_000;
const catchUpSeconds = 60;
/** So that a start takes a second, and a server some 100 MB. */
const small = [
  "--innodb-buffer-pool-size=8M",
  "--innodb-log-file-size=4M",
  "--innodb-flush-log-at-trx-commit=2",
  "--key-buffer-size=1M",
  "--aria-pagecache-buffer-size=1M",
  "--performance-schema=OFF",
  "--table-open-cache=50",
];

/** Why no MariaDB can be started here, with the command that would change it; undefined if one can. */
export function missingForMariadb(): string | undefined {
  const programs: readonly string[] = ["mariadbd", "mariadb-install-db", "mariadb-binlog"];
  const missing = programs.filter((program) => spawnSync(program, ["--version"]).error !== undefined);
  if (missing.length === 0) return undefined;
  return `${missing.join(", ")} missing: apt-get install mariadb-server mariadb-client`;
}

/** Makes and starts one in a temporary directory, and waits until it answers. Stop it at the end. */
export async function startMariadb(options: MariadbOptions): Promise<Mariadb> {
  const dir = mkdtempSync(join(tmpdir(), "mariadb-"));
  const server = new Server(options, dir, options.port ?? (await freePort()));
  try {
    server.install();
    await server.start();
    // Not logged: they are in no GTID and reach no replica.
    await server.query(
      "SET sql_log_bin=0",
      "CREATE USER repl@'127.0.0.1' IDENTIFIED BY 'repl'",
      "GRANT REPLICATION SLAVE ON *.* TO repl@'127.0.0.1'",
    );
  } catch (error) {
    await server.stop();
    throw error;
  }
  return server;
}

class Server implements Mariadb {
  readonly serverId: number;
  readonly port: number;
  readonly datadir: string;
  readonly #dir: string;
  readonly #options: MariadbOptions;
  #child: ChildProcess | undefined;
  #exited: Promise<void> = Promise.resolve();
  #text = "";

  constructor(options: MariadbOptions, dir: string, port: number) {
    this.#options = options;
    this.#dir = dir;
    this.serverId = options.serverId;
    this.port = port;
    this.datadir = join(dir, "data");
  }

  install(): void {
    const args = [
      "--no-defaults",
      `--datadir=${this.datadir}`,
      "--auth-root-authentication-method=normal",
      "--skip-test-db",
      "--skip-name-resolve",
      ...asRoot(),
      ...small,
    ];
    const { status, stdout, stderr } = spawnSync("mariadb-install-db", args, {
      encoding: "utf8",
      timeout: 120_000,
    });
    if (status !== 0) throw new Error(`mariadb-install-db ended with ${status}: ${stdout}${stderr}`);
  }

  async start(): Promise<void> {
    const { readOnly = false, strict = true, logBin = true, args = [] } = this.#options;
    const child = spawn(
      "mariadbd",
      [
        "--no-defaults",
        `--datadir=${this.datadir}`,
        `--port=${this.port}`,
        "--bind-address=127.0.0.1",
        `--socket=${join(this.#dir, "sock")}`,
        `--pid-file=${join(this.#dir, "pid")}`,
        `--server-id=${this.serverId}`,
        `--gtid-strict-mode=${strict ? 1 : 0}`,
        `--read-only=${readOnly ? 1 : 0}`,
        "--skip-name-resolve",
        "--skip-slave-start",
        ...(logBin ? ["--log-bin=binlog", "--log-slave-updates"] : []),
        ...asRoot(),
        ...small,
        ...args,
      ],
      { stdio: ["ignore", "pipe", "pipe"], cwd: this.#dir },
    );
    for (const stream of [child.stdout, child.stderr]) {
      stream?.setEncoding("utf8").on("data", (chunk: string) => {
        this.#text += chunk;
      });
    }
    const endWithParent = (): void => void child.kill("SIGKILL");
    process.once("exit", endWithParent);
    this.#child = child;
    this.#exited = new Promise<void>((resolve) => {
      child.once("error", () => resolve());
      child.once("exit", () => resolve());
    }).then(() => {
      process.removeListener("exit", endWithParent);
      if (this.#child === child) this.#child = undefined;
    });
    await this.#ready();
  }

  async query(...statements: string[]): Promise<Row[]> {
    const connection = await createConnection({
      host: "127.0.0.1",
      port: this.port,
      user: "root",
      connectTimeout: 10_000,
      typeCast: (field) => field.string(),
    });
    try {
      let rows: unknown = [];
      for (const sql of statements) [rows] = await connection.query(sql);
      return Array.isArray(rows) ? (rows as Row[]) : [];
    } finally {
      connection.destroy();
    }
  }

  async replicateFrom(other: Mariadb): Promise<void> {
    await this.query(
      "STOP SLAVE",
      `CHANGE MASTER TO MASTER_HOST='127.0.0.1', MASTER_PORT=${other.port}, MASTER_USER='repl', MASTER_PASSWORD='repl', MASTER_CONNECT_RETRY=1, MASTER_USE_GTID=slave_pos`,
      "START SLAVE",
    );
    await waitFor(`server ${this.serverId} replicates`, async () => {
      const [status] = await this.query("SHOW SLAVE STATUS");
      if (status?.Last_IO_Error) throw new Error(status.Last_IO_Error);
      return status?.Slave_IO_Running === "Yes" && status.Slave_SQL_Running === "Yes";
    });
  }

  async catchUpWith(other: Mariadb): Promise<void> {
    const [last] = await other.query("SELECT @@GLOBAL.gtid_binlog_pos AS pos");
    const [waited] = await this.query(`SELECT MASTER_GTID_WAIT('${last?.pos}', ${catchUpSeconds}) AS late`);
    if (waited?.late !== "0") throw new Error(`server ${this.serverId} did not reach ${last?.pos}`);
  }

  async promote(): Promise<void> {
    await this.query("STOP SLAVE", "RESET SLAVE ALL", "SET GLOBAL read_only=0");
  }

  async kill(): Promise<void> {
    this.#child?.kill("SIGKILL");
    await this.#exited;
  }

  async restart(): Promise<void> {
    await this.kill();
    await this.start();
  }

  async stop(): Promise<void> {
    await this.kill();
    rmSync(this.#dir, { recursive: true, force: true });
  }

  log(): string {
    return this.#text;
  }

  async #ready(): Promise<void> {
    await waitFor(`MariaDB ${this.serverId} answers`, async () => {
      if (this.#child === undefined) throw new Error(`MariaDB ended: ${this.#text}`);
      return this.query("SELECT 1").then(
        () => true,
        () => false,
      );
    });
  }
}

/** mariadbd runs as root only if it is told to. */
function asRoot(): string[] {
  return process.getuid?.() === 0 ? ["--user=root"] : [];
}

async function waitFor(what: string, condition: () => Promise<boolean>): Promise<void> {
  const end = Date.now() + readyMs;
  while (!(await condition())) {
    if (Date.now() > end) throw new Error(`${what}: not within ${readyMs} ms`);
    await sleep(50);
  }
}
