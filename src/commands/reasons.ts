import { loadConfig } from "../config/load.js";
import { reasonsDocument } from "../http/reasons-document.js";
import { askStatus } from "./ask-status.js";
import { colours } from "./colour.js";
import { formatReasons } from "./format-reasons.js";

/**
 * `reasons`: why a failover would not work now, or not as it should, and what to do. Exit code 0 if there is no reason,
 * 1 if there is one, 3 without an agent.
 */
export async function showReasons(configFile: string, options: { json?: boolean }): Promise<number> {
  const { node, reasons } = await askStatus(loadConfig(configFile));
  const document = reasonsDocument(node, reasons);
  const { stdout } = process;
  stdout.write(
    options.json
      ? `${JSON.stringify(document, null, 2)}\n`
      : formatReasons(document.reasons, colours(stdout)),
  );
  return document.ready ? 0 : 1;
}
