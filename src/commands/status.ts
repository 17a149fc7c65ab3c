import type { StatusDocument } from "../agent/status.js";
import { loadConfig } from "../config/load.js";
import { askAgent } from "./ask-agent.js";
import { formatStatus } from "./format-status.js";

/** `status`: what this node is and holds, as text or as one JSON document. */
export async function showStatus(configFile: string, options: { json?: boolean }): Promise<number> {
  const { status } = await askAgent(loadConfig(configFile), { op: "status" });
  const document = status as StatusDocument;
  process.stdout.write(options.json ? `${JSON.stringify(document, null, 2)}\n` : formatStatus(document));
  return 0;
}
