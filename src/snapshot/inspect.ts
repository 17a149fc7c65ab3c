import { stat } from "node:fs/promises";
import { KnownError, sentenceOf, systemCode } from "../platform/errors.js";
import { runAside } from "./aside.js";
import { type Contents, inspectFile, nothingRead, readingFailed, type Soundness } from "./inspect-file.js";
import type { InspectionPart, PartAnswer } from "./inspect-worker.js";
import type { Inspection } from "./inspection.js";

export type { Inspection } from "./inspection.js";

/**
 * Bytes from which a database is looked at in processes of its own: below it a look takes about as long as the start
 * of one, and not long enough to keep the agent from anything.
 */
const asideThreshold = 2 * 1024 * 1024;
/** Milliseconds for the look at one database. 100 MB take about a second. */
const asideDeadline = 120_000;

const script = new URL("./inspect-worker.js", import.meta.url);

/**
 * Looks into a database file: is it sound, what tables and rows has it, and their digests. A damaged or foreign file
 * is a result with `problems`; only a file that is not there (`snapshot-missing`) or cannot be read by us
 * (`not-done`) is an error. Leaves no file beside it.
 */
export async function inspectDatabase(file: string): Promise<Inspection> {
  try {
    const { size } = await stat(file);
    const aside = size > asideThreshold ? await inspectAside(file) : undefined;
    return aside ?? inspectFile(file);
  } catch (error) {
    if (error instanceof KnownError) throw error;
    if (systemCode(error) === "ENOENT") {
      throw new KnownError("snapshot-missing", `There is no database ${file}.`, { file }, error);
    }
    throw new KnownError("not-done", `${file} could not be looked at: ${sentenceOf(error)}`, { file }, error);
  }
}

/** Half of the work each in two processes, at once: what takes longest is the digests, then integrity_check. */
async function inspectAside(file: string): Promise<Inspection | undefined> {
  const [soundness, contents] = await Promise.all([
    ask<Soundness>("soundness", file),
    ask<Contents>("contents", file),
  ]);
  if (soundness === undefined || contents === undefined) return undefined;
  if ("failed" in soundness) return unreadable(soundness.failed);
  if (soundness.problems.length > 0) return { ...soundness, ...nothingRead };
  if ("failed" in contents) return { ...unreadable(contents.failed), pages: soundness.pages };
  return { ...soundness, ...contents };
}

function unreadable(sentence: string): Inspection {
  return { isDatabase: true, problems: [sentence], pages: 0, pageSize: 0, ...nothingRead };
}

async function ask<T>(part: InspectionPart, file: string): Promise<PartAnswer<T> | undefined> {
  const result = await runAside(script, [part, file], asideDeadline, `Looking into ${file}`);
  if (result === undefined) return undefined;
  // The file is mapped there, and this is how the system says that the disk does not give a part of it.
  if (result.signal === "SIGBUS") return { failed: readingFailed("the disk does not give all of it") };
  if (result.code === 0) return JSON.parse(result.stdout) as PartAnswer<T>;
  throw new Error(`the process for it ended with ${result.signal ?? result.code}: ${result.stderr.trim()}`);
}
