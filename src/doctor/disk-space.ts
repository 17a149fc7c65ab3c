import { stat, statfs } from "node:fs/promises";
import { diskNeed } from "../health/disk-need.js";
import type { DiskFacts } from "../health/facts.js";
import { findDisks } from "../health/host.js";
import { systemCode } from "../platform/errors.js";
import { formatSize } from "../platform/size.js";
import { failing, ok, type Verdict } from "./verdict.js";

/** The file systems of these directories, each once; those that are not there are told by who needs them. */
export async function lookAtDisks(paths: readonly string[]): Promise<DiskFacts[]> {
  const seen = new Set<number>();
  const disks: DiskFacts[] = [];
  for (const path of paths) {
    try {
      const { dev } = await stat(path);
      if (seen.has(dev)) continue;
      seen.add(dev);
      const { bavail, blocks, bsize } = await statfs(path);
      const [free, total] = [bavail * bsize, blocks * bsize];
      disks.push({ path, free, total, low: diskNeed(free, total) >= 1 });
    } catch (error) {
      if (systemCode(error) === undefined) throw error;
    }
  }
  return disks;
}

export function judgeDisks(disks: readonly DiskFacts[]): Verdict {
  const [finding] = findDisks(disks);
  if (finding !== undefined) return failing(finding.sentence, finding.todo);
  return ok(disks.map(({ path, free }) => `${path} ${formatSize(free)} free`).join(", "));
}
