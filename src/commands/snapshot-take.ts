import { loadConfig } from "../config/load.js";
import { askAgent } from "./ask-agent.js";

/** Taking, verifying and packing a large database; the agent answers when it has the snapshot on its disk. */
const takeDeadlineMs = 150_000;

/**
 * `snapshot take`: a snapshot now, of what the active node has on its disk, without waiting to be noticed. `--accept` says
 * that a table that mattered and is empty now is meant to be: the way on when shipping has stopped for that.
 */
export async function takeSnapshot(
  configFile: string,
  { accept, json }: { accept?: boolean; json?: boolean },
): Promise<number> {
  const { id, since } = await askAgent(
    loadConfig(configFile),
    { op: "take", accept: accept === true },
    takeDeadlineMs,
  );
  const document = { schema: "proxysql-carp/taken/v1", snapshot: id, since };
  const text = id === null ? `Nothing has changed since ${since ?? "the epoch began"}.` : String(id);
  process.stdout.write(json ? `${JSON.stringify(document, null, 2)}\n` : `${text}\n`);
  return 0;
}
