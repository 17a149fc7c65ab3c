import { orchestratorOptions } from "../config/orchestrator-options.js";
import type { Config } from "../config/schema.js";
import { createOrchestratorClient } from "../orchestrator/client.js";
import type { EndpointView, OrchestratorLook } from "../orchestrator/types.js";
import { failing, ok, type Verdict, warning } from "./verdict.js";

const todo =
  "Ask it by hand, from this host: `curl URL/api/raft-status`. Compare [orchestrator] endpoints, auth, secret_file and ca_file.";

/** One look at Orchestrator, as the agent's are. */
export async function lookAtOrchestrator(
  orchestrator: NonNullable<Config["orchestrator"]>,
): Promise<OrchestratorLook> {
  const client = createOrchestratorClient(orchestratorOptions(orchestrator));
  try {
    return await client.look({ instances: true });
  } finally {
    await client.close();
  }
}

/** Whether a leader in quorum answers, and whether all others are well. */
export function judgeOrchestrator(look: OrchestratorLook): Verdict {
  if (look.kind === "none")
    return failing(
      `No leader of Orchestrator in quorum answers: ${[look.why, ...look.endpoints.map(told)].join(" ")}`,
      todo,
    );
  const { leader, instances, downtimed } = look.view;
  const down = downtimed.length === 0 ? "" : `, ${downtimed.length} of them in downtime`;
  const seen = `its leader is ${leader}; it knows ${instances?.length ?? 0} servers${down}`;
  const unwell = look.endpoints.filter(({ state }) => state !== "leader" && state !== "follower");
  if (unwell.length === 0) return ok(`Orchestrator answers: ${seen}.`);
  return warning(`Orchestrator answers: ${seen}. But ${unwell.map(told).join(" ")}`, todo);
}

function told({ url, detail }: EndpointView): string {
  return detail.includes(url) ? detail : `${url}: ${detail}`;
}
