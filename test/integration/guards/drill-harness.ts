import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import type { DrillOptions } from "../../../src/snapshot/drill.js";
import { defaultKeepLocal, parseKeepLocal } from "../../../src/snapshot/keep-local.js";
import { copyOf, manifestFor, scratch } from "../../../src/snapshot/test-fixtures.js";
import { root } from "../../support/pair/node.js";

const standin = join(root, "build/test/support/proxysql-standin/main.js");
const sqlite = join(root, "node_modules/better-sqlite3/lib/index.js");

/** An executable script below a directory; returns its path. */
export function script(dir: string, name: string, text: string): string {
  const path = join(dir, name);
  writeFileSync(path, text, { mode: 0o755 });
  return path;
}

/** ProxySQL as one program without arguments of its own: PROXYSQL_BIN, or the stand-in. */
export function proxysqlProgram(dir: string): string {
  if (process.env.PROXYSQL_BIN !== undefined) return process.env.PROXYSQL_BIN;
  return script(dir, "proxysql", `#!/bin/sh\nexec '${process.execPath}' '${standin}' "$@"\n`);
}

/** The same, after its database was changed by some statements: what it then serves is not what it was given. */
export function tampering(dir: string, ...statements: string[]): string {
  const text = [
    `#!${process.execPath}`,
    `const Database = require(${JSON.stringify(sqlite)});`,
    'const { spawn } = require("node:child_process");',
    "const given = process.argv.slice(2);",
    'const db = new Database(given[given.indexOf("-D") + 1] + "/proxysql.db");',
    ...statements.map((sql) => `db.exec(${JSON.stringify(sql)});`),
    "db.close();",
    `const proxysql = spawn(${JSON.stringify(proxysqlProgram(dir))}, given, { stdio: "inherit" });`,
    // It ends as ProxySQL does: one that dies of itself gets a second start.
    'proxysql.on("exit", (code, signal) => (signal ? process.kill(process.pid, signal) : process.exit(code)));',
    "",
  ];
  return script(dir, "tampering", text.join("\n"));
}

export interface Prepared {
  /** Everything of this drill is below it. */
  readonly dir: string;
  readonly options: DrillOptions;
}

/** A snapshot of the shop, changed by statements, unpacked and ready for a drill. */
export async function prepare(
  statements: readonly string[] = [],
  more: Partial<DrillOptions> = {},
): Promise<Prepared> {
  const dir = scratch();
  const [unpackedDir, place] = [join(dir, "unpacked"), join(dir, "scratch")];
  for (const made of [unpackedDir, place]) mkdirSync(made, { mode: 0o700 });
  const file = copyOf("2.7.1-shop", dir, ...statements);
  copyFileSync(file, join(unpackedDir, "proxysql.db"));
  return {
    dir,
    options: {
      program: more.program ?? proxysqlProgram(dir),
      unpackedDir,
      scratch: place,
      manifest: await manifestFor(file, { epoch: 1, sequence: 1, node: "a" }),
      definitions: undefined,
      owner: { uid: process.geteuid?.() ?? 0, gid: process.getegid?.() ?? 0 },
      keepLocal: parseKeepLocal(defaultKeepLocal),
      startTimeoutMs: 20_000,
      signal: new AbortController().signal,
      ...more,
    },
  };
}

/** The processes whose command line names a directory; those that have ended and wait for their parent are none. */
export function processesOf(dir: string): number[] {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid)
    .filter((name) => read(`/proc/${name}/cmdline`).includes(dir))
    .filter((name) => !/^State:\s+Z/m.test(read(`/proc/${name}/status`)))
    .map(Number);
}

/** Ports of TCP that a process listens on. */
export function listensOn(pid: number): number[] {
  const sockets = new Set(
    list(`/proc/${pid}/fd`).map((fd) => /^socket:\[(\d+)\]$/.exec(link(`/proc/${pid}/fd/${fd}`))?.[1]),
  );
  const lines = ["tcp", "tcp6"].flatMap((kind) => read(`/proc/${pid}/net/${kind}`).split("\n").slice(1));
  return lines
    .map((line) => line.trim().split(/\s+/))
    .filter((fields) => fields[3] === "0A" && sockets.has(fields[9]))
    .map((fields) => Number.parseInt(fields[1]?.split(":")[1] ?? "", 16));
}

/** Why a test that looks at processes cannot run here. */
export const hasProc = existsSync("/proc/self/status");

function read(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    // The process has ended.
    return "";
  }
}

function list(path: string): string[] {
  try {
    return readdirSync(path);
  } catch {
    return [];
  }
}

function link(path: string): string {
  try {
    return readlinkSync(path);
  } catch {
    return "";
  }
}
