import { existsSync } from "node:fs";
import { stat } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { Worker } from "node:worker_threads";
import { withDeadline } from "../platform/clock.js";
import { KnownError, sentenceOf, systemCode } from "../platform/errors.js";
import { inspectFile } from "./inspect-file.js";
import type { Inspection } from "./inspection.js";

export type { Inspection } from "./inspection.js";

/** Bytes from which a database is looked at in a thread of its own: below it a look takes about as long as a thread's start. */
const workerThreshold = 4 * 1024 * 1024;
/** Milliseconds for the look at one database. 100 MB take about a second. */
const workerDeadline = 120_000;

/**
 * Looks into a database file: is it sound, what tables and rows has it, and their digests. A damaged or foreign file
 * is a result with `problems`; only a file that is not there (`snapshot-missing`) or cannot be read by us
 * (`not-done`) is an error. Leaves no file beside it.
 */
export async function inspectDatabase(file: string): Promise<Inspection> {
  try {
    const { size } = await stat(file);
    return size > workerThreshold ? await inspectInWorker(file) : inspectFile(file);
  } catch (error) {
    if (error instanceof KnownError) throw error;
    if (systemCode(error) === "ENOENT") {
      throw new KnownError("snapshot-missing", `There is no database ${file}.`, { file }, error);
    }
    throw new KnownError("not-done", `${file} could not be looked at: ${sentenceOf(error)}`, { file }, error);
  }
}

async function inspectInWorker(file: string): Promise<Inspection> {
  const script = new URL("./inspect-worker.js", import.meta.url);
  // Run from the TypeScript sources (unit tests) there is no compiled worker; the look itself is the same.
  if (!existsSync(fileURLToPath(script))) return inspectFile(file);
  const worker = new Worker(script, { workerData: file });
  const answer = new Promise<Inspection>((resolve, reject) => {
    worker.once("message", resolve);
    worker.once("error", reject);
    worker.once("exit", (code) => reject(new Error(`its thread ended with code ${code}`)));
  });
  try {
    return await withDeadline(answer, workerDeadline, `Looking into ${file}`);
  } finally {
    await worker.terminate();
  }
}
