import { stat } from "node:fs/promises";
import { monotonic } from "../platform/clock.js";
import { KnownError, sentenceOf, systemCode } from "../platform/errors.js";
import { AdminClient } from "../proxysql/admin-client.js";
import type { Manifest } from "./manifest.js";
import { keepsItsVariables } from "./scratch-database.js";
import { scratchAdmin } from "./scratch-places.js";
import { startScratch } from "./scratch-process.js";
import { type Restored, type RestoreOptions, restoreInto } from "./scratch-restore.js";
import { type Verdict, type Watched, watchScratch } from "./scratch-watch.js";

export interface DrillOptions extends RestoreOptions {
  /** ProxySQL itself, an absolute path. */
  readonly program: string;
  readonly manifest: Manifest;
  /** Definitions of this host's own ProxySQL, by table: SHA-256, if they are known. */
  readonly definitions: Readonly<Record<string, string>> | undefined;
  /** How long a start may take, as for the real one; milliseconds. */
  readonly startTimeoutMs: number;
  /** Ends the drill at once, for a role that has come. */
  readonly signal: AbortSignal;
}

/** How a drill went. A restore that failed is a result. */
export interface DrillResult extends Verdict {
  /** All of it but unpacking and verifying, milliseconds. */
  readonly ms: number;
  /**
   * How a first start ended if a signal ended it; then there was a second one, as daemon(8) would have made. ProxySQL
   * 2.7.1 dies of itself in about one of fifty starts on a very busy host (SIGSEGV in MySQL_HostGroups_Manager::commit,
   * which may run before its thread for GTIDs), and that says nothing of the snapshot.
   */
  readonly firstDeath: string | null;
}

/** Everything after ProxySQL's first start, whatever `start_timeout` says: whoever asked for the drill waits for its answer. */
const wholeDeadlineMs = 110_000;

/**
 * Restores a verified snapshot aside: a ProxySQL of its own is started from it, with its own files and Unix sockets,
 * without monitor, jobs or cluster, as ProxySQL's user, and must serve what the snapshot has. Nothing of it is left running;
 * the two directories are the caller's to remove. Errors (`not-done`, `command-failed`, `deadline`) say that it could not be tried,
 * or was given up; they say nothing of the snapshot.
 */
export async function drill(options: DrillOptions): Promise<DrillResult> {
  const began = monotonic();
  const problem = await problemBefore(options);
  const result =
    problem === undefined
      ? await tryRestore(options)
      : { ok: false, startMs: null, why: problem, firstDeath: null };
  return { ...result, ms: monotonic() - began };
}

async function problemBefore(options: DrillOptions): Promise<string | undefined> {
  const problem = await programProblem(options.program);
  if (problem !== undefined || keepsItsVariables(options.manifest, options.definitions)) return problem;
  return "The snapshot's global_variables is not defined as ProxySQL defines it: ProxySQL would drop it and start with its defaults.";
}

async function programProblem(program: string): Promise<string | undefined> {
  try {
    const facts = await stat(program);
    if (!facts.isFile() || (facts.mode & 0o111) === 0) return `${program} is no program that can be run.`;
    return undefined;
  } catch (error) {
    return `There is no program ${program} (${systemCode(error) ?? sentenceOf(error)}): see [proxysql] program.`;
  }
}

async function tryRestore(options: DrillOptions): Promise<Omit<DrillResult, "ms">> {
  const restored = await restoreInto(options);
  const end = monotonic() + wholeDeadlineMs;
  const first = await tryStart(options, restored, end);
  if (!first.byDeadlySignal) return { ...verdictOf(first), firstDeath: null };
  const second = await tryStart(options, restored, end);
  return { ...verdictOf(second), firstDeath: first.why };
}

/** One start from what was restored, until it serves or does not; nothing runs any more when this returns. */
async function tryStart(options: DrillOptions, restored: Restored, end: number): Promise<Watched> {
  const { program, signal, owner } = options;
  requireWanted(signal);
  const { data, config, sockets, password } = restored.places;
  // `-S` repeats what the database says: the admin must not listen elsewhere whatever becomes of the variables.
  const args = ["-f", "-c", config, "-D", data, "-S", sockets.admin, "-M", "--no-version-check"];
  const scratch = startScratch({ program, args, cwd: data, owner });
  const admin = new AdminClient({
    host: "",
    port: 0,
    socketPath: sockets.admin,
    user: scratchAdmin,
    passwordFile: password,
  });
  let late = false;
  const timer = setTimeout(() => {
    late = true;
    scratch.kill();
  }, end - monotonic());
  signal.addEventListener("abort", scratch.kill);
  try {
    const watched = await watchScratch(options, restored, scratch, admin);
    // Whatever it looked like when it was killed: a database too large for the time says nothing of the restore.
    if (late) throw new KnownError("deadline", `The drill was not through within ${wholeDeadlineMs} ms.`);
    return watched;
  } finally {
    clearTimeout(timer);
    signal.removeEventListener("abort", scratch.kill);
    admin.disconnect();
    await scratch.stop();
    requireWanted(signal);
  }
}

function verdictOf({ ok, startMs, why }: Watched): Verdict {
  return { ok, startMs, why };
}

function requireWanted(signal: AbortSignal): void {
  if (signal.aborted) throw new KnownError("not-done", "The drill was given up: this node has other work.");
}
