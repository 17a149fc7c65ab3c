import type {
  Instance,
  OrchestratorClient,
  OrchestratorLook,
  OrchestratorView,
  ServerKey,
} from "../orchestrator/types.js";
import { monotonic } from "../platform/clock.js";
import { needsInstances } from "./judge.js";
import { serverName } from "./server.js";

/** Instances are the large answer: with nothing new they are asked for this often. */
const instancesCountMs = 10_000;

/** Asks Orchestrator, for all its instances when a judgement depends on them. */
export class Topology {
  readonly #client: OrchestratorClient;
  readonly #toOrchestrator: (server: ServerKey) => ServerKey;
  #kept: { readonly instances: readonly Instance[]; readonly of: string; readonly at: number } | undefined;

  constructor(client: OrchestratorClient, toOrchestrator: (server: ServerKey) => ServerKey) {
    this.#client = client;
    this.#toOrchestrator = toOrchestrator;
  }

  /** `anyFenced`: whether a fence may be lifted depends on roles as they are now. */
  async look(
    servers: readonly ServerKey[],
    anyFenced: boolean,
    signal?: AbortSignal,
  ): Promise<OrchestratorLook> {
    const due = this.#kept === undefined || monotonic() - this.#kept.at >= instancesCountMs;
    const look = await this.#client.look({ instances: anyFenced || due }, signal);
    if (look.kind === "none") return look;
    if (look.view.instances !== null) return this.#keep(look);
    // Nothing has happened since they were asked for: they say what they said.
    if (this.#kept?.of === signatureOf(look.view))
      return { ...look, view: { ...look.view, instances: this.#kept.instances } };
    // Without servers ProxySQL is away, and which it will be started with is not known yet.
    const anyServers = servers.length > 0;
    if (anyServers && !needsInstances(servers, look.view, this.#toOrchestrator)) return look;
    const whole = await this.#client.look({ instances: true }, signal);
    return whole.kind === "none" ? whole : this.#keep(whole);
  }

  #keep(look: Extract<OrchestratorLook, { kind: "view" }>): OrchestratorLook {
    const { instances } = look.view;
    if (instances !== null) this.#kept = { instances, of: signatureOf(look.view), at: monotonic() };
    return look;
  }
}

/** What has happened: who is downtimed, and which recoveries there were. */
function signatureOf({ downtimed, recoveries }: OrchestratorView): string {
  const down = downtimed.map(({ key }) => serverName(key)).sort();
  return JSON.stringify([down, recoveries.map(({ uid, successful }) => [uid, successful])]);
}
