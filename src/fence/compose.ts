import { orchestratorOptions } from "../config/orchestrator-options.js";
import type { Config } from "../config/schema.js";
import { createOrchestratorClient } from "../orchestrator/client.js";
import type { OrchestratorClient, ServerKey } from "../orchestrator/types.js";
import { Fencer, type FencerOptions } from "./fencer.js";
import { Names } from "./names.js";
import { Topology } from "./topology.js";

export interface ComposedFencer {
  readonly fencer: Fencer;
  readonly client: OrchestratorClient;
  readonly toOrchestrator: (server: ServerKey) => ServerKey;
}

/** A fencer as the configuration wants it; its client is to be closed in the end. */
export function composeFencer(
  { fence }: Config,
  orchestrator: NonNullable<Config["orchestrator"]>,
  rest: Pick<FencerOptions, "admin" | "keeper" | "exclusively" | "note" | "silentSince">,
): ComposedFencer {
  const client = createOrchestratorClient(orchestratorOptions(orchestrator));
  const names = new Names(fence.hosts);
  const toOrchestrator = (server: ServerKey): ServerKey => names.toOrchestrator(server);
  const fencer = new Fencer({
    ...rest,
    topology: new Topology(client, toOrchestrator),
    toOrchestrator,
    mode: fence.mode,
    isolationMs: orchestrator.on_isolation === "fence" ? orchestrator.isolation_grace : undefined,
  });
  return { fencer, client, toOrchestrator };
}
