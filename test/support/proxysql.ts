import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { existsSync, statSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { dirname, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import Database from "better-sqlite3";
import { connectAdmin } from "./admin-client.js";

/** True when the tests run against a real ProxySQL, named by the environment variable PROXYSQL_BIN. */
export const usesRealProxysql = process.env.PROXYSQL_BIN !== undefined;

/** How to start a ProxySQL. Times are milliseconds. */
export interface ProxysqlOptions {
  datadir: string;
  adminPort?: number;
  clientPort?: number;
  /** Path of an additional admin socket. */
  adminSocket?: string;
  /** `2.7.1` (default), `2.5.5` or `3.0.0`; only the stand-in can choose. */
  version?: string;
  /** The stand-in's knobs, for instance PROXYSQL_STANDIN_SAVE_GAP_MS. */
  env?: Record<string, string>;
  /** A configuration file to use instead of a written one. */
  configFile?: string;
  /** More options, for instance `-n`. */
  args?: readonly string[];
  /** Do not wait for the admin port: for starts that are meant to fail. */
  noWait?: boolean;
  timeout?: number;
}

/** How a process ended. */
export interface Exit {
  code: number | null;
  signal: NodeJS.Signals | null;
}

/** A running ProxySQL. Admin login: admin/admin. */
export interface Proxysql {
  process: ChildProcess;
  adminPort: number;
  clientPort: number;
  /** Path of the configuration file, beside the datadir. */
  configFile: string;
  /** Resolves when the process ends. */
  exited: Promise<Exit>;
  /** What it has written so far. */
  log(): string;
  /** SIGTERM, and waits for the end. */
  stop(): Promise<Exit>;
  /** SIGKILL, and waits for the end. */
  kill(): Promise<Exit>;
}

const ROOT = projectRoot();
const STANDIN = join(ROOT, "build", "test", "support", "proxysql-standin", "main.js");

/**
 * Starts a ProxySQL on 127.0.0.1 and waits until its admin answers: the stand-in, or the binary named by PROXYSQL_BIN.
 * Its configuration counts only while there is no proxysql.db; give one that you place yourself its ports with
 * `setPorts`. Throws when it ends early or does not answer in time.
 */
export async function startProxysql(options: ProxysqlOptions): Promise<Proxysql> {
  const adminPort = options.adminPort ?? (await freePort());
  const clientPort = options.clientPort ?? (await freePort());
  const configFile = options.configFile ?? `${options.datadir}.cnf`;
  if (options.configFile === undefined)
    writeFileSync(configFile, configuration(options, adminPort, clientPort));
  const args = [
    "-f",
    "-c",
    configFile,
    "-D",
    options.datadir,
    "--no-version-check",
    "-M",
    ...(options.args ?? []),
  ];
  const child = spawnProxysql(args, options);
  let text = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream?.setEncoding("utf8").on("data", (chunk: string) => {
      text += chunk;
    });
  }
  const exited = new Promise<Exit>((resolve) => {
    child.once("error", () => resolve({ code: null, signal: null }));
    child.once("exit", (code, signal) => resolve({ code, signal }));
  });
  const endWithParent = () => void child.kill("SIGKILL");
  process.once("exit", endWithParent);
  void exited.then(() => process.removeListener("exit", endWithParent));
  const end = (signal: NodeJS.Signals) => {
    child.kill(signal);
    return exited;
  };
  const proxysql: Proxysql = {
    process: child,
    adminPort,
    clientPort,
    configFile,
    exited,
    log: () => text,
    stop: () => end("SIGTERM"),
    kill: () => end("SIGKILL"),
  };
  if (options.noWait !== true) await waitForAdmin(proxysql, options.timeout ?? 20_000);
  return proxysql;
}

/** Writes ports into the variables of a proxysql.db that no ProxySQL has open. */
export function setPorts(database: string, ports: { adminPort: number; clientPort: number }): void {
  const connection = new Database(database);
  const statement = connection.prepare("UPDATE global_variables SET variable_value=? WHERE variable_name=?");
  statement.run(`127.0.0.1:${ports.adminPort}`, "admin-mysql_ifaces");
  statement.run(`127.0.0.1:${ports.clientPort}`, "mysql-interfaces");
  connection.close();
}

/** Below what the system hands out for outgoing connections, and apart from other test processes. */
const portsPerProcess = 50;
const firstPort = 10_000 + (process.pid % 400) * portsPerProcess;
let handedOut = 0;

/** A TCP port of 127.0.0.1 that is free now, and that no other test process is given. */
export async function freePort(): Promise<number> {
  for (let tried = 0; tried < portsPerProcess; tried += 1) {
    const port = firstPort + (handedOut % portsPerProcess);
    handedOut += 1;
    if (await isFree(port)) return port;
  }
  throw new Error(`no port is free from ${firstPort} on`);
}

async function isFree(port: number): Promise<boolean> {
  const server = createServer();
  const free = await new Promise<boolean>((resolve) => {
    server.once("error", () => resolve(false));
    server.listen(port, "127.0.0.1", () => resolve(true));
  });
  if (free) await new Promise((resolve) => server.close(resolve));
  return free;
}

function spawnProxysql(args: string[], options: ProxysqlOptions): ChildProcess {
  const stdio = ["ignore", "pipe", "pipe"] as const;
  const real = process.env.PROXYSQL_BIN;
  if (real !== undefined)
    return spawn(real, args, { stdio: [...stdio], cwd: options.datadir.replace(/[^/]*$/, "") });
  if (!existsSync(STANDIN)) buildStandin();
  const version = options.version === undefined ? {} : { PROXYSQL_STANDIN_VERSION: options.version };
  const env = { ...process.env, ...version, ...options.env };
  return spawn(process.execPath, [STANDIN, ...args], { stdio: [...stdio], env });
}

/** The stand-in is a program of its own and runs compiled; a stale one is the caller's business. */
function buildStandin(): void {
  const tsc = join(ROOT, "node_modules", "typescript", "bin", "tsc");
  spawnSync(process.execPath, [tsc, "-p", join(ROOT, "tsconfig.support.json")], { cwd: ROOT });
  if (!existsSync(STANDIN)) throw new Error(`${STANDIN} is missing: run npx tsc -p tsconfig.support.json`);
}

function configuration(options: ProxysqlOptions, adminPort: number, clientPort: number): string {
  const socket = options.adminSocket === undefined ? "" : `;${options.adminSocket}`;
  return [
    `datadir="${options.datadir}"`,
    "admin_variables=",
    `{ admin_credentials="admin:admin" mysql_ifaces="127.0.0.1:${adminPort}${socket}" }`,
    "mysql_variables=",
    `{ threads=2 interfaces="127.0.0.1:${clientPort}" }`,
    "",
  ].join("\n");
}

async function waitForAdmin(proxysql: Proxysql, timeout: number): Promise<void> {
  const deadline = Date.now() + timeout;
  let ended: Exit | undefined;
  void proxysql.exited.then((exit) => {
    ended = exit;
  });
  while (Date.now() < deadline) {
    if (ended !== undefined)
      throw new Error(`ProxySQL ended with ${JSON.stringify(ended)}: ${proxysql.log()}`);
    try {
      const client = await connectAdmin({ port: proxysql.adminPort, timeout: 2_000 });
      client.close();
      return;
    } catch {
      await sleep(20);
    }
  }
  await proxysql.kill();
  throw new Error(`ProxySQL's admin did not answer on port ${proxysql.adminPort}: ${proxysql.log()}`);
}

/** This file runs from test/ as well as from build/test/. */
function projectRoot(): string {
  let folder = dirname(fileURLToPath(import.meta.url));
  while (!existsSync(join(folder, "package.json")) && folder !== dirname(folder)) folder = dirname(folder);
  return statSync(folder).isDirectory() ? folder : process.cwd();
}
