/** A MySQL server as Orchestrator names it. */
export interface ServerKey {
  readonly host: string;
  readonly port: number;
}

/** One MySQL server of Orchestrator's topology. Texts are as they came: pass them through `printable` to show them. */
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
  /** IsLastCheckValid */
  readonly checkValid: boolean;
  readonly secondsSinceSeen: number | null;
  readonly downtimed: boolean;
  readonly downtimeReason: string;
  readonly downtimeOwner: string;
  readonly downtimeEnds: string;
}

/** One entry of Orchestrator's audit of recoveries. */
export interface Recovery {
  readonly uid: string;
  readonly failed: ServerKey;
  readonly successor: ServerKey | null;
  readonly successful: boolean;
  readonly active: boolean;
  readonly analysis: string;
  readonly cluster: string;
  readonly alias: string;
  /** ISO */
  readonly startedAt: string;
}

export interface OrchestratorView {
  /** URL of the node that all of this is from: the leader, in quorum before and after it answered. */
  readonly leader: string;
  readonly downtimed: readonly Instance[];
  /** null unless asked for */
  readonly instances: readonly Instance[] | null;
  /** Newest first: at least what is newer than the view before this one, up to 100; what is older may be missing. */
  readonly recoveries: readonly Recovery[];
}

export type EndpointState = "leader" | "follower" | "no-quorum" | "refused" | "unreachable" | "nonsense";

export interface EndpointView {
  readonly url: string;
  readonly state: EndpointState;
  /** one sentence */
  readonly detail: string;
}

/**
 * What one look gave. `endpoints` has those that were asked and had answered by its end: the leader alone while it stays
 * the leader. "none" is the absence of knowledge and never means that a downtime ended.
 */
export type OrchestratorLook =
  | {
      readonly kind: "view";
      readonly view: OrchestratorView;
      readonly endpoints: readonly EndpointView[];
    }
  | { readonly kind: "none"; readonly why: string; readonly endpoints: readonly EndpointView[] };

export interface OrchestratorOptions {
  /** `http://host:3000`, or with a prefix: `https://host/orc`. List each node once. */
  readonly endpoints: readonly string[];
  /** token: cookie access-token=public:secret */
  readonly auth: "none" | "basic" | "token";
  readonly user?: string;
  /** basic: password on its first line; token: `public:secret`. Read anew when a 401 came. */
  readonly secretFile?: string;
  /** Certificates to trust instead of the system's. */
  readonly caFile?: string;
  /** For one answer, whole body included. */
  readonly timeoutMs: number;
}

export interface OrchestratorClient {
  /**
   * Finds the leader and reads from it. Whatever an endpoint does becomes a state in the result; rejects (`not-done`)
   * only when `signal` fires or the client is closed.
   */
  look(options: { instances: boolean }, signal?: AbortSignal): Promise<OrchestratorLook>;
  /** Gives up looks that are under way and closes all connections. */
  close(): Promise<void>;
}
