/** One MySQL server, as Orchestrator and ProxySQL name it. */
export interface ServerKey {
  readonly host: string;
  readonly port: number;
}

/** What Orchestrator says of one server: the fields that fencing needs. */
export interface Instance {
  readonly key: ServerKey;
  readonly cluster: string;
  readonly alias: string;
  readonly readOnly: boolean;
  readonly master: ServerKey | null;
  readonly coMaster: boolean;
  readonly depth: number;
  /** Both replication threads run. */
  readonly replicating: boolean;
  /** `IsLastCheckValid`: the last look at it succeeded. */
  readonly checkValid: boolean;
  readonly secondsSinceSeen: number | null;
  readonly downtimed: boolean;
  readonly downtimeReason: string;
  readonly downtimeOwner: string;
  readonly downtimeEnds: string;
}

/** One recovery of Orchestrator's audit: what failed, and what took its place. */
export interface Recovery {
  readonly uid: string;
  readonly failed: ServerKey;
  readonly successor: ServerKey | null;
  readonly successful: boolean;
  readonly active: boolean;
  readonly analysis: string;
  readonly cluster: string;
  readonly alias: string;
  /** ISO 8601. */
  readonly startedAt: string;
}

export interface OrchestratorView {
  /** URL of the node that all of this is from: the leader, in quorum before and after it answered. */
  readonly leader: string;
  readonly downtimed: readonly Instance[];
  /** null unless asked for. */
  readonly instances: readonly Instance[] | null;
  /** Newest first. */
  readonly recoveries: readonly Recovery[];
}

export type EndpointState = "leader" | "follower" | "no-quorum" | "refused" | "unreachable" | "nonsense";

export interface EndpointView {
  readonly url: string;
  readonly state: EndpointState;
  /** One sentence. */
  readonly detail: string;
}

/** One look at Orchestrator. `none`: nobody in quorum gave an answer that can be used. */
export type OrchestratorLook =
  | { readonly kind: "view"; readonly view: OrchestratorView; readonly endpoints: readonly EndpointView[] }
  | { readonly kind: "none"; readonly why: string; readonly endpoints: readonly EndpointView[] };

export interface OrchestratorOptions {
  readonly endpoints: readonly string[];
  readonly auth: "none" | "basic" | "token";
  readonly user?: string;
  readonly secretFile?: string;
  readonly caFile?: string;
  /** For one answer, its whole body included. */
  readonly timeoutMs: number;
}

export interface OrchestratorClient {
  look(options: { readonly instances: boolean }, signal?: AbortSignal): Promise<OrchestratorLook>;
  close(): Promise<void>;
}
