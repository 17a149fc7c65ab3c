import { loadConfig } from "../config/load.js";
import { KnownError } from "../platform/errors.js";
import { askAgent } from "./ask-agent.js";

/**
 * `snapshot take --accept`: the way on when shipping has stopped because a table that mattered is empty now, and that is
 * what the operator wants. Without `--accept` there is nothing to do by hand: every change is taken within a second.
 */
export async function takeSnapshot(configFile: string, options: { accept?: boolean }): Promise<number> {
  if (!options.accept) {
    throw new KnownError(
      "usage",
      "Changes are taken by themselves; say --accept to take one that was held back as empty.",
    );
  }
  const { id } = await askAgent(loadConfig(configFile), { op: "take-accepted" });
  process.stdout.write(id === null ? "Nothing has changed since the last snapshot.\n" : `${id}\n`);
  return 0;
}
