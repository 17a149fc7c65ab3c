/** What the stand-in is told at its start and through its control socket, and what it answers. */
export interface Key {
  readonly host: string;
  readonly port: number;
}

/** A MySQL server of the world that the stand-in shows. */
export interface InstanceSpec extends Key {
  /** SuggestedClusterAlias; all servers of one cluster have the same. */
  readonly alias: string;
  /** null or left out: it replicates from nobody. */
  readonly master?: Key | null;
  /** Left out: true for whoever has a master. */
  readonly readOnly?: boolean;
  /** Left out: true. */
  readonly alive?: boolean;
  /** Whether its threads run; left out: while it and its master live. */
  readonly replicating?: boolean;
}

export type Authentication =
  | { readonly kind: "none" }
  /** Everything without these is 401. */
  | { readonly kind: "basic"; readonly user: string; readonly password: string }
  /**
   * Writes without the token `public:secret` are refused with 500, reads are free, as the real one has it. `reads`:
   * they are 401 too, as from a proxy that guards an Orchestrator.
   */
  | { readonly kind: "token"; readonly token: string; readonly reads?: boolean };

/** Milliseconds; null: never by itself. Defaults as measured on the real one. */
export interface ElectionTimes {
  /** Until followers notice that the leader is gone. They answer 502 with an empty body so long. */
  readonly noticeMs?: number | null;
  /** From then on until one is elected. They answer 200 from their own state so long. */
  readonly candidateMs?: number | null;
  /** Until a leader without a majority steps down. */
  readonly leaseMs?: number | null;
}

export interface NodeSpec extends Key {
  /** host:port of raft; made up if left out. */
  readonly raft?: string;
}

export interface StandinOptions {
  readonly nodes: readonly NodeSpec[];
  /** false: a single Orchestrator, "not running with raft setup". */
  readonly raft: boolean;
  /** Path of the Unix socket through which it is controlled. */
  readonly control: string;
  readonly auth: Authentication;
  /** Paths of PEM files. */
  readonly tls?: { readonly cert: string; readonly key: string };
  /** URLPrefix, such as `/orc`. */
  readonly prefix: string;
  readonly election: ElectionTimes;
  /** After this long Orchestrator ends a lost-in-recovery downtime by itself, if the server is well. */
  readonly lostInRecoveryMs: number;
}

export type Misbehaviour =
  /** A page of HTML with 200. */
  | "html"
  /** The true answer, cut in the middle. */
  | "half-json"
  | "status-500"
  | "empty-502"
  /** Data as it was when this began, from a node whose backend cannot be written. */
  | "old-state"
  /** Takes the request and never answers. */
  | "nothing"
  /** The true answer, a byte a second. */
  | "dribble"
  /** Among the rows one whose host is no host. */
  | "odd-hosts"
  /** all-instances has 10,000 more. */
  | "ten-thousand"
  /** 401 whatever is sent. */
  | "unauthorized"
  /** 302 to another place. */
  | "redirect";

/** Which requests a misbehaviour is about: the data, who leads, or all. */
export type Reach = "data" | "standing" | "all";

export interface FailedMaster {
  readonly failed: Key;
  /** null: no leader was there to recover it, or no replica to promote. */
  readonly successor: Key | null;
  /** Of the recovery; null without one. */
  readonly uid: string | null;
}

export interface NodeReport {
  readonly url: string;
  readonly alive: boolean;
  readonly cut: boolean;
  readonly state: "Leader" | "Follower" | "Candidate";
  /** Index of the node that it takes for the leader. */
  readonly leader: number | null;
  /** Connections accepted so far. */
  readonly connections: number;
  /** Paths asked for so far, the newest last. */
  readonly requests: readonly string[];
}

/** What can be asked of the control socket: `POST /NAME` with the parameters as JSON. */
export interface Operations {
  setTopology(parameters: { instances: readonly InstanceSpec[] }): void;
  setInstance(parameters: { key: Key; change: Partial<InstanceSpec> }): void;
  failMaster(parameters: { alias: string; recover: boolean; successor?: Key }): FailedMaster;
  /** A recovery done by the test itself, to servers that it tells of by `setInstance`. Returns its uid. */
  recordRecovery(parameters: { failed: Key; successor: Key }): string;
  /** Old recoveries, one a minute backwards from now. */
  addRecoveries(parameters: { count: number; failed: Key; successor: Key; alias: string }): void;
  /** Writes lost-in-recovery on the leader alone. */
  loseInRecovery(parameters: { key: Key }): void;
  killNode(parameters: { node: number }): void;
  reviveNode(parameters: { node: number }): void;
  /** These are cut off from the others, and still answer us; an empty list heals. */
  minority(parameters: { nodes: readonly number[] }): void;
  setElection(parameters: ElectionTimes): void;
  misbehave(parameters: { node: number; how: Misbehaviour | null; reach?: Reach }): void;
  setAuthentication(parameters: Authentication): void;
  /** A request to the leader's API, `begin-downtime/...`, whatever it misbehaves and whoever may. */
  call(parameters: { path: string }): unknown;
  report(parameters: Record<string, never>): readonly NodeReport[];
}
