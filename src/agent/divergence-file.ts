import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { ensureDirectory, exists, removeFile, writeFileDurably } from "../platform/files.js";
import type { Lineage } from "../role/lineage.js";
import type { DivergenceReport } from "../snapshot/divergence-report.js";

/** Reports kept; each is one divergence, so this is a long time. */
const keptReports = 20;

interface LineageText extends Lineage {
  /** `6.12@a` */
  readonly text: string;
}

/** What two nodes did to the configuration they had in common. Described in docs/json.md; fields are only ever added. */
export interface DivergenceDocument {
  readonly schema: "proxysql-carp/divergence/v1";
  readonly at: string;
  /** The node that made this report, from whose point of view it is. */
  readonly node: string;
  /** The other one. */
  readonly peer: string;
  /** Whose configuration is live now. */
  readonly live: "ours" | "theirs";
  readonly ours: LineageText;
  readonly theirs: LineageText;
  /** What both are compared with; null if no snapshot that went into both is left. */
  readonly base: LineageText | null;
  /** Where the two lines parted. If this is not `base`, what both had in common since then shows on both sides. */
  readonly parted: LineageText | null;
  readonly changes: DivergenceReport;
}

/** Writes a report into `dir`, durable and for root's eyes alone, removes the oldest beyond twenty, and gives its path. */
export async function writeDivergence(dir: string, document: DivergenceDocument): Promise<string> {
  await ensureDirectory(dir, 0o700);
  const path = await freeName(dir, document.at);
  await writeFileDurably(path, `${JSON.stringify(document, null, 2)}\n`, 0o600);
  const names = (await readdir(dir)).sort();
  const whole = names.filter((name) => name.endsWith(".json"));
  // Only one is written at a time, so anything else is what a power cut left of an earlier one.
  const rest = names.filter((name) => !name.endsWith(".json"));
  for (const name of [...rest, ...whole.slice(0, -keptReports)]) await removeFile(join(dir, name));
  return path;
}

/** Two reports of one millisecond are two files, and sort in the order they came. */
async function freeName(dir: string, at: string): Promise<string> {
  for (let n = 0; ; n += 1) {
    const path = join(dir, n === 0 ? `${at}.json` : `${at}_${n}.json`);
    if (!(await exists(path))) return path;
  }
}
