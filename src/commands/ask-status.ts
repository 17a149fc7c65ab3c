import type { StatusDocument } from "../agent/status.js";
import type { Config } from "../config/schema.js";
import { KnownError } from "../platform/errors.js";
import { askAgent } from "./ask-agent.js";

/**
 * The running agent's status. An agent of an older version, still running after an update, knows no reasons: that is
 * `not-done`, for no reasons would be taken for ready.
 */
export async function askStatus(config: Config, ms?: number): Promise<StatusDocument> {
  const { status } = await askAgent(config, { op: "status" }, ms);
  const document = status as StatusDocument;
  if (!Array.isArray(document.reasons))
    throw new KnownError(
      "not-done",
      "The running agent is of an older version that tells no reasons: `service proxysql_carp restart`.",
    );
  return document;
}
