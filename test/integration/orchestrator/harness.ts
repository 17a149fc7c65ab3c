import { onTestFinished } from "vitest";
import { createOrchestratorClient } from "../../../src/orchestrator/client.js";
import type {
  OrchestratorClient,
  OrchestratorLook,
  OrchestratorOptions,
  OrchestratorView,
} from "../../../src/orchestrator/types.js";
import { type Orchestrator, type OrchestratorStart, startOrchestrator } from "../../support/orchestrator.js";

/** For one answer: more than a busy machine needs, and what the tests of silent nodes wait for. */
export const timeoutMs = 5_000;

/** Longest wait of `expect.poll` for what must happen, on a busy machine. */
export const soon = { timeout: 20_000 };

/** A stand-in that ends with the test. */
export async function standIn(start: OrchestratorStart = {}): Promise<Orchestrator> {
  const orchestrator = await startOrchestrator(start);
  onTestFinished(() => orchestrator.stop());
  return orchestrator;
}

/** A client that ends with the test. */
export function clientOf(
  endpoints: readonly string[],
  options: Partial<OrchestratorOptions> = {},
): OrchestratorClient {
  const client = createOrchestratorClient({ endpoints, auth: "none", timeoutMs, ...options });
  onTestFinished(() => client.close());
  return client;
}

/** The view of a look; fails with what the look says instead. */
export function viewOf(look: OrchestratorLook): OrchestratorView {
  if (look.kind === "view") return look.view;
  throw new Error(`no view: ${look.why} ${JSON.stringify(look.endpoints)}`);
}

/** Names of servers, for comparison. */
export function names(rows: readonly { readonly key: { host: string; port: number } }[]): string[] {
  return rows.map(({ key }) => `${key.host}:${key.port}`);
}

/** Looks until there is a view that fits; fails with the last look after 20 s. */
export async function lookUntil(
  client: OrchestratorClient,
  fits: (view: OrchestratorView) => boolean,
): Promise<OrchestratorView> {
  const end = Date.now() + 20_000;
  for (;;) {
    const look = await client.look({ instances: false });
    if (look.kind === "view" && fits(look.view)) return look.view;
    if (Date.now() > end) throw new Error(`not in time: ${JSON.stringify(look)}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
