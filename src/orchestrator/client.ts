import { readFileSync } from "node:fs";
import { KnownError, systemCode } from "../platform/errors.js";
import { Credentials } from "./credentials.js";
import { normalizeEndpoints } from "./endpoint-url.js";
import { linkAbort } from "./linked-abort.js";
import { createWire, type Wire } from "./node.js";
import { Round } from "./round.js";
import { shown } from "./trouble.js";
import type {
  EndpointView,
  OrchestratorClient,
  OrchestratorLook,
  OrchestratorOptions,
  OrchestratorView,
  Recovery,
} from "./types.js";

/**
 * A client for the nodes of one Orchestrator, raft or single. `config-invalid` for an endpoint that is no plain http(s)
 * URL, or certificates (`caFile`) that cannot be read.
 */
export function createOrchestratorClient(options: OrchestratorOptions): OrchestratorClient {
  return new Client(options);
}

class Client implements OrchestratorClient {
  readonly #endpoints: readonly string[];
  readonly #mayFollow: boolean;
  readonly #wire: Wire;
  readonly #closed = new AbortController();
  readonly #looks = new Set<Promise<unknown>>();
  /** Which node led when last seen: it is asked alone while it does. */
  #leader: string | undefined;
  #seen: ReadonlySet<string> = new Set();

  constructor(options: OrchestratorOptions) {
    this.#endpoints = normalizeEndpoints(options.endpoints);
    this.#mayFollow = options.auth === "none";
    this.#wire = createWire(new Credentials(options), options.timeoutMs, readCertificates(options.caFile));
  }

  async look(options: { instances: boolean }, signal?: AbortSignal): Promise<OrchestratorLook> {
    const given = linkAbort(this.#closed.signal, ...(signal === undefined ? [] : [signal]));
    const looking = given.signal.aborted
      ? Promise.reject(givenUp())
      : this.#look(options.instances, given.signal);
    this.#looks.add(looking);
    try {
      const look = await looking;
      if (given.signal.aborted) throw givenUp();
      return look;
    } finally {
      given.release();
      this.#looks.delete(looking);
    }
  }

  async close(): Promise<void> {
    this.#closed.abort();
    await Promise.allSettled([...this.#looks]);
    this.#wire.http.destroy();
    this.#wire.https.destroy();
  }

  async #look(instances: boolean, signal: AbortSignal): Promise<OrchestratorLook> {
    const seen = ({ uid }: Recovery): boolean => this.#seen.has(uid);
    const round = new Round({
      wire: this.#wire,
      endpoints: this.#endpoints,
      mayFollow: this.#mayFollow,
      instances,
      seen,
      signal,
    });
    const last = this.#leader;
    this.#leader = undefined;
    const view =
      (last === undefined ? undefined : await round.ask([last])) ?? (await round.ask(this.#endpoints));
    // Two that lead apart are a mistake in the endpoints or a leader that does not know yet: neither counts.
    const conflict = view === undefined ? undefined : round.disagreement(view.leader);
    if (view === undefined || conflict !== undefined) {
      return { kind: "none", why: conflict ?? whyNone(round.endpoints), endpoints: round.endpoints };
    }
    this.#remember(view);
    return { kind: "view", view, endpoints: round.endpoints };
  }

  #remember(view: OrchestratorView): void {
    this.#leader = view.leader;
    this.#seen = new Set(view.recoveries.map(({ uid }) => uid));
  }
}

/** One sentence for all: the details stand beside it. */
function whyNone(endpoints: readonly EndpointView[]): string {
  const [only] = endpoints;
  if (only === undefined) return "No Orchestrator is configured.";
  if (endpoints.length === 1) return shown(`${only.url} is ${only.state}: ${only.detail}`);
  const counts = new Map<string, number>();
  for (const { state } of endpoints) counts.set(state, (counts.get(state) ?? 0) + 1);
  const states = [...counts].map(([state, count]) => `${count} ${state}`).join(", ");
  return `No Orchestrator node leads a quorum and answers properly: ${states}.`;
}

function readCertificates(file: string | undefined): string | undefined {
  if (file === undefined) return undefined;
  try {
    return readFileSync(file, "utf8");
  } catch (error) {
    const cause = systemCode(error) ?? "unknown error";
    throw new KnownError("config-invalid", `${file} cannot be read (${cause}): it is to hold certificates.`);
  }
}

function givenUp(): KnownError {
  return new KnownError("not-done", "Orchestrator: given up, not waited for.");
}
