import type { Config } from "../config/schema.js";
import type { Reason } from "../health/reason.js";
import type { StatusView } from "../http/sources.js";
import { KnownError } from "../platform/errors.js";
import type { CareView } from "../role/care.js";
import { askAgent } from "./ask-agent.js";

/** What commands read of the status document. */
export type AskedStatus = StatusView & { readonly reasons: readonly Reason[]; readonly care: CareView };

/**
 * The running agent's status. An agent of an older version, still running after an update, knows no reasons: that is
 * `not-done`, for no reasons would be taken for ready.
 */
export async function askStatus(config: Config, ms?: number): Promise<AskedStatus> {
  const { status } = await askAgent(config, { op: "status" }, ms);
  const asked = status as AskedStatus;
  if (!Array.isArray(asked.reasons))
    throw new KnownError(
      "not-done",
      "The running agent is of an older version that tells no reasons: `service proxysql_carp restart`.",
    );
  return asked;
}
