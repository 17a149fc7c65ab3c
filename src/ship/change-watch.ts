import { closeSync, constants, fstatSync, openSync, readSync, statSync } from "node:fs";
import { join } from "node:path";
import { sleep } from "../platform/clock.js";
import { systemCode } from "../platform/errors.js";
import { cautious } from "../platform/plain-file.js";
import { tlsNames } from "../snapshot/content.js";

/** How often we look. Together with `quietMs` and the shipment it must stay below a second. */
const lookEveryMs = 200;
/** Operators save several modules in a row; waiting for this much quiet makes one snapshot of them. */
const quietMs = 100;
/** A database that never is quiet is snapshot all the same. */
const longestWaitMs = 500;
/** What opening a link that is not to be followed says: Linux, FreeBSD. */
const linkCodes: ReadonlySet<string> = new Set(["ELOOP", "EMLINK"]);

/**
 * A short text that changes when ProxySQL's configuration on disk may have changed. For the database it is the file's
 * change counter (bytes 24 to 27 of SQLite's header, raised by every write transaction in rollback-journal mode, which
 * ProxySQL uses): reading it takes no lock, and does not depend on the resolution of file times.
 */
export function changeMark(datadir: string): string {
  const counter = readCounter(join(datadir, "proxysql.db"));
  const tls = tlsNames.map((name) => timeOf(join(datadir, name)));
  return [counter, ...tls].join(" ");
}

export interface ChangeListener {
  /** Something is changing: a good moment to get ready. */
  readonly onStir: () => void;
  /** The change has been quiet for a moment. */
  readonly onChange: () => void;
  /** Looking failed; called once per kind of trouble, and looking goes on. */
  readonly onError: (error: unknown) => void;
}

/** Tells the listener of every change of the mark, until `signal` fires. */
export async function watchForChange(
  datadir: string,
  listener: ChangeListener,
  signal: AbortSignal,
): Promise<void> {
  let settled: string | undefined;
  let trouble: string | undefined;
  while (!signal.aborted) {
    try {
      const mark = changeMark(datadir);
      if (settled !== undefined && mark !== settled) {
        listener.onStir();
        settled = await quietMark(datadir, mark, signal);
        if (!signal.aborted) listener.onChange();
      }
      settled ??= mark;
      trouble = undefined;
    } catch (error) {
      const kind = systemCode(error) ?? String(error);
      if (kind !== trouble) listener.onError(error);
      trouble = kind;
    }
    await sleep(lookEveryMs, signal);
  }
}

async function quietMark(datadir: string, first: string, signal: AbortSignal): Promise<string> {
  let mark = first;
  for (let waited = 0; waited < longestWaitMs && !signal.aborted; waited += quietMs) {
    await sleep(quietMs, signal);
    const next = changeMark(datadir);
    if (next === mark) break;
    mark = next;
  }
  return mark;
}

/** Four system calls on one page that is in the cache: handing them to the thread pool would cost ten times as much. */
function readCounter(file: string): string {
  let descriptor: number;
  try {
    descriptor = openSync(file, constants.O_RDONLY | cautious);
  } catch (error) {
    const code = systemCode(error) ?? "";
    if (code === "ENOENT") return "absent";
    if (linkCodes.has(code)) return "no-file";
    throw error;
  }
  try {
    const facts = fstatSync(descriptor);
    if (!facts.isFile()) return "no-file";
    const { ino } = facts;
    const counter = Buffer.alloc(4);
    return readSync(descriptor, counter, 0, 4, 24) === 4
      ? `${ino}:${counter.readUInt32BE(0)}`
      : `${ino}:empty`;
  } finally {
    closeSync(descriptor);
  }
}

function timeOf(file: string): string {
  const stats = statSync(file, { throwIfNoEntry: false });
  return stats === undefined ? "-" : `${stats.mtimeMs}:${stats.size}`;
}
