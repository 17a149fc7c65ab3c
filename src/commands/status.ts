import { loadConfig } from "../config/load.js";
import { askStatus } from "./ask-status.js";
import { formatStatus } from "./format-status.js";

/** `status`: what this node is and holds, as text or as one JSON document. */
export async function showStatus(configFile: string, options: { json?: boolean }): Promise<number> {
  const document = await askStatus(loadConfig(configFile));
  process.stdout.write(options.json ? `${JSON.stringify(document, null, 2)}\n` : formatStatus(document));
  return 0;
}
