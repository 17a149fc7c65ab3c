import type { DrillRecord } from "../agent/drills.js";
import { loadConfig } from "../config/load.js";
import { formatDuration } from "../platform/duration.js";
import { printable } from "../platform/printable.js";
import { askAgent } from "./ask-agent.js";

/** A drill bounds itself to some two minutes, of which most are a ProxySQL that does not come up. */
const drillDeadlineMs = 150_000;

/**
 * `snapshot drill`: lets the agent restore the newest snapshot aside, and tells how that went. Exit code 0 if it serves
 * what the snapshot has, 1 if not or if it could not be tried, 3 without an agent.
 */
export async function drillSnapshot(configFile: string, options: { json?: boolean }): Promise<number> {
  const answer = await askAgent(loadConfig(configFile), { op: "drill" }, drillDeadlineMs);
  const record = answer.drill as DrillRecord;
  const text = options.json
    ? JSON.stringify({ schema: "proxysql-carp/drill/v1", ...record }, null, 2)
    : describe(record);
  process.stdout.write(`${text}\n`);
  return record.ok ? 0 : 1;
}

function describe({ snapshot, ok, judged, ms, startMs, why }: DrillRecord): string {
  const name = snapshot === null ? "" : ` of ${printable(snapshot)}`;
  if (ok)
    return `Restore${name} works: ProxySQL served it ${formatDuration(startMs ?? 0)} after its start, ${formatDuration(ms)} in all.`;
  return `${judged ? "Restore" : "No verdict on a restore"}${name}${judged ? " fails" : ""}: ${printable(why ?? "")}`;
}
