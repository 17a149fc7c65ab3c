import type { EndpointView } from "../orchestrator/types.js";
import type { FenceState } from "./fencer.js";
import type { IsolationKind, OnIsolation } from "./isolation.js";
import type { Fence } from "./latch.js";
import { sameServer, serverName } from "./server.js";

/** This node does not see a majority of Orchestrator. */
export interface IsolationView {
  /** ISO 8601. */
  readonly since: string;
  readonly kind: IsolationKind;
  readonly why: string;
  readonly action: OnIsolation;
}

/** The document of `fence status --json`. Described in docs/json.md; fields are only ever added. */
export interface FenceDocument {
  readonly schema: "proxysql-carp/fence/v1";
  readonly at: string;
  readonly node: string;
  /** False without [orchestrator]: nothing is fenced. */
  readonly enabled: boolean;
  readonly mode: "soft" | "hard";
  readonly orchestrator: {
    /** `unknown`: it has not been asked yet. */
    readonly state: "quorum" | "none" | "unknown";
    readonly leader: string | null;
    readonly why: string | null;
    /** How long no leader in quorum has answered; ms. */
    readonly silentForMs: number;
    readonly endpoints: readonly EndpointView[];
  };
  readonly isolation: IsolationView | null;
  readonly fences: readonly (Fence & {
    /** Each row of it that is held, with the status that it gets back. */
    readonly rows: readonly { readonly hostgroup: number; readonly was: string }[];
  })[];
  /** Released by an operator although what they were fenced for goes on; `host:port`. */
  readonly pardoned: readonly string[];
  /** ProxySQL's servers that Orchestrator has never heard of; `host:port`. */
  readonly unknown: readonly string[];
  /** Why ProxySQL does not keep to this, or null. */
  readonly problem: string | null;
}

export interface FenceDocumentInput {
  readonly at: string;
  readonly node: string;
  readonly mode: "soft" | "hard";
  readonly state: FenceState | null;
  readonly isolation: IsolationView | null;
}

/** What is known of fencing now, as one document. `state`: null without [orchestrator]. */
export function fenceDocument({ at, node, mode, state, isolation }: FenceDocumentInput): FenceDocument {
  const { look, latch, unknown = [], problem = null, silentForMs = 0 } = state ?? {};
  const quorum = look === undefined ? "unknown" : look.kind === "view" ? "quorum" : "none";
  return {
    schema: "proxysql-carp/fence/v1",
    at,
    node,
    enabled: state !== null,
    mode,
    orchestrator: {
      state: quorum,
      leader: look?.kind === "view" ? look.view.leader : null,
      why: look?.kind === "none" ? look.why : null,
      silentForMs: Math.round(silentForMs),
      endpoints: look?.endpoints ?? [],
    },
    isolation,
    fences: (latch?.fences ?? []).map((fence) => ({
      ...fence,
      rows: (latch?.rows ?? [])
        .filter((row) => sameServer(row, fence.server))
        .map(({ hostgroup, status }) => ({ hostgroup, was: status })),
    })),
    pardoned: (latch?.pardoned ?? []).map(serverName),
    unknown: unknown.map(serverName),
    problem: problem?.sentence ?? null,
  };
}
