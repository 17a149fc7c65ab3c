import { loadConfig } from "../config/load.js";
import type { FenceDocument } from "../fence/document.js";
import { askAgent } from "./ask-agent.js";
import { formatFence } from "./format-fence.js";

/** `fence status`: which servers are fenced and why. Exit 0, also when some are: `check --group fence` judges. */
export async function fenceStatus(configFile: string, { json }: { json?: boolean }): Promise<number> {
  const answer = await askAgent(loadConfig(configFile), { op: "fence-status" });
  const document = answer.fence as FenceDocument;
  process.stdout.write(json ? `${JSON.stringify(document, null, 2)}\n` : formatFence(document));
  return 0;
}
