import { monotonic, poll } from "../platform/clock.js";
import { isKnown, KnownError } from "../platform/errors.js";
import type { AdminClient } from "../proxysql/admin-client.js";
import { knockSocket } from "../proxysql/handshake.js";
import { shortfalls } from "../proxysql/prove.js";
import type { KeepLocal } from "./keep-local.js";
import type { Manifest } from "./manifest.js";
import { attachReference, contentDifferences, servedRows } from "./scratch-content.js";
import type { ScratchEnd, ScratchProcess } from "./scratch-process.js";
import type { Restored } from "./scratch-restore.js";
import { runtimeDifferences } from "./scratch-runtime.js";

/** What a drill came to. */
export interface Verdict {
  readonly ok: boolean;
  /** From ProxySQL's start until it served the snapshot, milliseconds; null if it never did. */
  readonly startMs: number | null;
  /** What failed, in a sentence; null if nothing did. */
  readonly why: string | null;
}

/** The same of one start. */
export interface Watched extends Verdict {
  /** ProxySQL was ended by a signal that was not ours. */
  readonly byDeadlySignal: boolean;
}

export interface WatchOptions {
  readonly program: string;
  readonly manifest: Manifest;
  readonly keepLocal: KeepLocal;
  /** How long the start may take, milliseconds. */
  readonly startTimeoutMs: number;
  readonly signal: AbortSignal;
}

const pollMs = 20;
const knockMs = 1_000;
/** Differences told one by one. */
const toldDifferences = 5;

/** Looks at a ProxySQL that was just started until it serves the snapshot, or it is clear that it will not. */
export async function watchScratch(
  options: WatchOptions,
  { reference, ownVariables, database, places }: Restored,
  scratch: ScratchProcess,
  admin: AdminClient,
): Promise<Watched> {
  const { manifest, keepLocal, signal, startTimeoutMs: ms } = options;
  const began = monotonic();
  const compared = { manifest, keepLocal, ownVariables };
  const rows = servedRows(compared);
  let attached = false;
  let last = `ProxySQL's admin did not answer within ${ms} ms.`;

  async function compare(): Promise<string[]> {
    if (!attached) await attachReference(admin, reference);
    attached = true;
    return contentDifferences(admin, compared);
  }

  async function lookInside(): Promise<Watched | undefined> {
    // First of all: before its client port is open ProxySQL has not made all its modules, and to ask for the runtime of
    // one that is missing kills it (runtime_mysql_query_rules does, in 2.7.1).
    const greeting = await knockSocket(places.sockets.client, knockMs);
    if (!greeting.ok) {
      await admin.query("SELECT 1");
      last = `ProxySQL runs and does not serve clients: ${greeting.why}.`;
      return undefined;
    }
    const lacks = [...(await shortfalls(admin, rows)), ...(await runtimeDifferences(admin))];
    if (lacks.length > 0) {
      last = `ProxySQL does not run what the snapshot has: ${lacks.join("; ")}.`;
      // What it has loaded stays as it is; what runs may still be coming.
      const differences = attached ? [] : await compare();
      return differences.length > 0 ? otherContent(differences) : undefined;
    }
    const startMs = monotonic() - began;
    const differences = await compare();
    return differences.length > 0
      ? otherContent(differences)
      : { ok: true, startMs, why: null, byDeadlySignal: false };
  }

  async function look(): Promise<Watched | undefined> {
    if (scratch.ended !== undefined) return diedAs(scratch.ended);
    try {
      return await lookInside();
    } catch (error) {
      if (isKnown(error, "proxysql-refused"))
        return failed("ProxySQL refuses the login that its database names: it has not taken it.");
      if (!isKnown(error)) throw error;
      if (error.fields.systemCode === undefined)
        last = `ProxySQL's admin does not answer well: ${error.message}`;
      return undefined;
    }
  }

  function diedAs({ code, signal: by, afterMs, startError }: ScratchEnd): Watched {
    if (startError !== undefined)
      throw new KnownError("command-failed", `${options.program} could not be started: ${startError}`);
    const words = lastWords(database.tell(scratch.output()));
    // The codes by which a shell says that a program cannot be run at all.
    if (code === 126 || code === 127) return failed(`${options.program} cannot be run.${words}`);
    const how = by === null ? `with code ${code}` : `by ${by}`;
    return failed(`ProxySQL ended by itself ${how} after ${Math.round(afterMs)} ms.${words}`, by !== null);
  }

  const verdict = await poll(look, ms, pollMs, signal);
  return verdict ?? (scratch.ended === undefined ? failed(last) : diedAs(scratch.ended));
}

function otherContent(differences: readonly string[]): Watched {
  const told = differences.slice(0, toldDifferences).join("; ");
  const rest = differences.length - toldDifferences;
  const more = rest > 0 ? `; and ${rest} more` : "";
  return failed(`ProxySQL has other content than the snapshot: ${told}${more}.`);
}

/** ProxySQL says much at its start, and the cause of its end is not always the last of it. */
const tellsTrouble = /error|assert|fail|unable|cannot|not found|denied|signal|abort/i;

/** The end of what a program wrote, in one line. */
function lastWords(output: string | undefined): string {
  const lines = (output ?? "").split("\n").filter((line) => line.trim() !== "");
  const telling = lines.filter((line) => tellsTrouble.test(line));
  const words = (telling.length > 0 ? telling : lines).slice(-2).join(" | ").slice(-400);
  return words === "" ? "" : ` Its last words: ${words}`;
}

function failed(why: string, byDeadlySignal = false): Watched {
  return { ok: false, startMs: null, why, byDeadlySignal };
}
