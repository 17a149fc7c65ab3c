import { stat } from "node:fs/promises";
import { KnownError, sentenceOf } from "../platform/errors.js";
import { runAside } from "./aside.js";
import { diffFiles } from "./diff-rows.js";
import type { ConfigurationDiff, DiffOptions } from "./difference.js";

export type { ConfigurationDiff, DiffOptions } from "./difference.js";

/** Bytes of both files together from which they are compared in a process of its own. */
const asideThreshold = 2 * 1024 * 1024;
/** Milliseconds. 50,000 rows on each side take a second. */
const deadlineMs = 120_000;

const script = new URL("./inspect-worker.js", import.meta.url);

/**
 * Compares the configuration in two ProxySQL databases row by row: what `b` has that `a` has not is added. Rows are the
 * same row if their primary keys are. Both files must be sound, and nobody may write to them meanwhile. Secrets are in
 * the answer; see `masked`.
 */
export async function diffDatabases(
  a: string,
  b: string,
  options: DiffOptions = {},
): Promise<ConfigurationDiff> {
  try {
    const sizes = await Promise.all([a, b].map(async (file) => (await stat(file)).size));
    const large = sizes.reduce((sum, size) => sum + size, 0) > asideThreshold;
    const aside = large ? await diffAside(a, b, options) : undefined;
    return aside ?? diffFiles(a, b, options);
  } catch (error) {
    if (error instanceof KnownError) throw error;
    throw new KnownError("not-done", `${a} and ${b} could not be compared: ${sentenceOf(error)}`, {}, error);
  }
}

async function diffAside(a: string, b: string, options: DiffOptions): Promise<ConfigurationDiff | undefined> {
  const result = await runAside(script, ["diff", a, b, JSON.stringify(options)], deadlineMs, "Comparing");
  if (result === undefined) return undefined;
  const { code, signal, stdout, stderr } = result;
  if (code !== 0) throw new Error(`the process for it ended with ${signal ?? code}: ${stderr.trim()}`);
  const answer = JSON.parse(stdout) as ConfigurationDiff | { readonly failed: string };
  if ("failed" in answer) throw new Error(answer.failed);
  return answer;
}
