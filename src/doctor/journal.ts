import { rm, stat } from "node:fs/promises";
import { join } from "node:path";
import Database from "better-sqlite3";
import { sentenceOf, systemCode } from "../platform/errors.js";
import { writeFileDurably } from "../platform/files.js";
import { formatSize } from "../platform/size.js";
import { failing, ok, type Verdict, warning } from "./verdict.js";

const lockMs = 2_000;

/** What was found of the journal, and of the directory around it. */
export interface JournalSeen {
  readonly file: string;
  /** Bytes; null if there is none. */
  readonly size: number | null;
  /** What SQLite finds wrong in it; empty if nothing. */
  readonly problems: readonly string[];
  /** Why a file beside it could not be written; null if one could. */
  readonly notWritable: string | null;
}

export async function lookAtJournal(stateDir: string): Promise<JournalSeen> {
  const file = join(stateDir, "journal.db");
  const notWritable = await tryToWrite(join(stateDir, `.doctor-${process.pid}`));
  const size = await sizeOf(file);
  return { file, size, problems: size === null ? [] : problemsIn(file), notWritable };
}

/** As the agent writes what must survive a power cut, fsync and all. */
async function tryToWrite(path: string): Promise<string | null> {
  try {
    await writeFileDurably(path, "a doctor was here\n", 0o600);
    await rm(path);
    return null;
  } catch (error) {
    return sentenceOf(error);
  }
}

async function sizeOf(file: string): Promise<number | null> {
  try {
    return (await stat(file)).size;
  } catch (error) {
    if (systemCode(error) === "ENOENT") return null;
    throw error;
  }
}

/** Read only, as a reader of its write-ahead log: the agent is not held up. */
function problemsIn(file: string): string[] {
  try {
    const db = new Database(file, { readonly: true, fileMustExist: true, timeout: lockMs });
    try {
      const rows = db.prepare("PRAGMA quick_check(5)").pluck().all() as string[];
      return rows.filter((row) => row !== "ok");
    } finally {
      db.close();
    }
  } catch (error) {
    return [sentenceOf(error)];
  }
}

export function judgeJournal({ file, size, problems, notWritable }: JournalSeen): Verdict {
  if (notWritable !== null) {
    return failing(
      `Nothing can be written beside ${file}: ${notWritable}.`,
      `\`df -h ${file}\`, \`mount\` and \`ls -ld\` of that directory; a read-only or full disk stops the agent's records.`,
    );
  }
  if (size === null)
    return warning(`There is no ${file}: no agent has ever run here.`, "`service proxysql_carp start`");
  if (problems.length > 0) {
    return failing(
      `${file} is damaged: ${problems.join("; ")}`,
      `\`service proxysql_carp stop\`, move ${file}* away, \`service proxysql_carp start\`; what it knew of epochs comes back from the snapshots and the peer.`,
    );
  }
  return ok(`sound and writable, ${formatSize(size)}`);
}
