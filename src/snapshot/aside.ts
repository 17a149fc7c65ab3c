import { type ChildProcess, spawn } from "node:child_process";
import { existsSync } from "node:fs";
import type { Readable } from "node:stream";
import { fileURLToPath } from "node:url";
import { withDeadline } from "../platform/clock.js";

/** How a process of ours ended. */
export interface AsideResult {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Characters of an answer. The row-by-row difference of two large databases has tens of megabytes. */
const answerLimit = 512 * 1024 * 1024;
const complaintLimit = 4_096;

/**
 * Runs a compiled script of ours in a process of its own, for work whose memory and time the agent must not feel.
 * Undefined if there is no compiled script: run from the TypeScript sources (unit tests) the caller does it itself.
 * After `ms` milliseconds the process is killed, and the error is `deadline`.
 */
export async function runAside(
  script: URL,
  args: readonly string[],
  ms: number,
  what: string,
): Promise<AsideResult | undefined> {
  const path = fileURLToPath(script);
  if (!existsSync(path)) return undefined;
  const child = spawn(process.execPath, [path, ...args], { stdio: ["ignore", "pipe", "pipe"] });
  try {
    return await withDeadline(ended(child, child.stdout, child.stderr), ms, what);
  } finally {
    // Nothing happens to one that has ended.
    child.kill("SIGKILL");
  }
}

function ended(child: ChildProcess, out: Readable, err: Readable): Promise<AsideResult> {
  const stdout = collect(out, answerLimit, () => child.kill("SIGKILL"));
  const stderr = collect(err, complaintLimit, () => undefined);
  return new Promise((resolve, reject) => {
    child.once("error", reject);
    child.once("close", (code, signal) => resolve({ code, signal, stdout: stdout(), stderr: stderr() }));
  });
}

/** Keeps what a stream brings, up to `limit`. */
function collect(stream: Readable, limit: number, onTooMuch: () => void): () => string {
  const pieces: Buffer[] = [];
  let kept = 0;
  stream.on("data", (piece: Buffer) => {
    kept += piece.length;
    if (kept <= limit) pieces.push(piece);
    else onTooMuch();
  });
  return () => Buffer.concat(pieces).toString("utf8");
}
