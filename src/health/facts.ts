import type { CareView, Doubt, MaintenanceView } from "../role/care.js";
import type { NodeRole } from "../role/carp-role.js";

/**
 * Everything that reasons are found from, as plain data: what this node knows of itself, of its host and of its peers at
 * one moment. `...ForMs` says how long something has been so without a break, in ms; 0 means that it is not so.
 */
export interface Facts {
  readonly node: string;
  /** Names as the configuration has them, for what an operator is told to do. */
  readonly names: Names;
  readonly carp: CarpFacts;
  readonly proxysql: ProxysqlFacts;
  readonly snapshots: SnapshotFacts;
  readonly peers: readonly PeerFacts[];
  readonly host: HostFacts;
  /** null without [orchestrator]. */
  readonly fence: FenceFacts | null;
}

export interface Names {
  readonly service: string;
  readonly stateDir: string;
  readonly datadir: string;
  /** `127.0.0.1:6032` */
  readonly admin: string;
  readonly client: string;
}

/** One vhid as ifconfig tells of it; CARP's own figures are null if it does not, and for VRRP. */
export interface VhidFacts {
  readonly vhid: string;
  readonly role: NodeRole;
  readonly protocol: "carp" | "vrrp";
  readonly advskew: number | null;
  readonly advbase: number | null;
}

export interface CarpFacts {
  readonly role: NodeRole;
  /** Why the role is not known. */
  readonly problem: string | null;
  readonly unknownForMs: number;
  readonly vhids: readonly VhidFacts[];
  /** Some vhids are MASTER here and others are not. */
  readonly splitForMs: number;
  /** Neither this node nor a peer that can be asked is MASTER. */
  readonly noMasterForMs: number;
  /** What is in `net.inet.carp.demotion` and not ours; null if it cannot be read. */
  readonly foreignDemotion: number | null;
  readonly foreignForMs: number;
  /** This node carries a share of its own, and not for a maintenance that is on. */
  readonly ownForMs: number;
  readonly care: CareView;
  readonly maintenance: MaintenanceView | null;
  /** null: none is configured. */
  readonly lock: LockFacts | null;
  /** Peers that could not be shot before a promotion. */
  readonly misses: readonly MissFacts[];
}

/** The lock in etcd or Consul. */
export interface LockFacts {
  /** The node that has it; null: nobody, or it is not known. */
  readonly holder: string | null;
  /** Why it cannot be asked. */
  readonly problem: string | null;
  /** This node is MASTER and has not got it. */
  readonly notHeldForMs: number;
  readonly unreachableForMs: number;
}

export interface MissFacts {
  readonly peer: string;
  readonly why: string;
  /** The promotion waits for it. */
  readonly held: boolean;
}

export interface ProxysqlFacts {
  /** It should run and serve now: always in warm standby, in cold only where clients may arrive. */
  readonly expected: boolean;
  readonly standby: "warm" | "cold";
  readonly running: boolean;
  readonly paused: boolean;
  /** Why admin or client port are not well, for people. */
  readonly problems: readonly string[];
  /** It should run, and its admin does not answer. */
  readonly downForMs: number;
  /** Its admin answers, it should serve, and its client port does not greet. */
  readonly deafForMs: number;
  /** It is not what the role asks for: not serving on a MASTER, running on a cold passive node. */
  readonly oppositeForMs: number;
  /** How long a start, or a stop, may take; ms. */
  readonly startTimeoutMs: number;
  readonly drainTimeoutMs: number;
  readonly drift: readonly DriftFacts[];
  readonly driftForMs: number;
}

/** Rows of one table that are not the same in two of ProxySQL's layers. Names of rows only, never their content. */
export interface DriftFacts {
  /** Variables are told by module, as `mysql-variables`. */
  readonly table: string;
  /** `memory`: not as on disk. `runtime`: not as in memory. */
  readonly layer: "memory" | "runtime";
  readonly rows: number;
  readonly examples: readonly string[];
}

export interface SnapshotFacts {
  /** This node opened an epoch and leads it. */
  readonly leads: boolean;
  /** Verified snapshots here that ProxySQL has not failed on, and those that it has. */
  readonly usable: number;
  readonly noneForMs: number;
  /** Why the last attempt to take one failed. */
  readonly takeError: string | null;
  readonly takeErrorForMs: number;
  /** What the active node runs and this one lacks. */
  readonly lacking: Lacking | null;
  readonly maxAgeMs: number;
  readonly doubts: readonly Doubt[];
  /** Passive node: ProxySQL failed on the newest here, and a failover would serve an older one. As `6.12@a`. */
  readonly newestDoubted: { readonly newest: string; readonly usable: string } | null;
  readonly drill: DrillFacts | null;
  readonly quarantine: readonly string[];
  readonly tls: TlsFacts;
  readonly divergence: DivergenceFacts | null;
}

/** Somebody should have what another node runs, and has not got it. */
export interface Lacking {
  /** Who runs it. */
  readonly of: string;
  /** As `6.12@a`. */
  readonly runs: string;
  readonly holds: string | null;
  readonly forMs: number;
}

/** The last restore drill. */
export interface DrillFacts {
  /** ISO 8601. */
  readonly at: string;
  readonly snapshot: string | null;
  readonly ok: boolean;
  readonly why: string | null;
}

export interface TlsFacts {
  /** Of the three files ProxySQL wants all of: those that are not there although others are. */
  readonly missing: readonly string[];
  /** Passive node: its files are not those of this snapshot, its newest. */
  readonly differsFrom: string | null;
  readonly differForMs: number;
}

/** The newest trace of edits that one node made and the other replaced. */
export interface DivergenceFacts {
  readonly kind: "divergence" | "superseded-unshipped" | "local-edit-replaced" | "report";
  /** ISO 8601. */
  readonly at: string;
  /** Where the lost side can be found: lineages, or a path. */
  readonly ours: string | null;
  readonly theirs: string | null;
  /** Whose configuration is live; the other one's edits are not. */
  readonly live: "ours" | "theirs" | null;
  readonly path: string | null;
}

export interface PeerFacts {
  readonly name: string;
  /** Why the link is not up: the error's code, sentence and hint. */
  readonly error: { readonly code: string; readonly sentence: string; readonly hint: string } | null;
  readonly unreachableForMs: number;
  readonly agentDownForMs: number;
  /** As its agent last said, and whether that still counts. */
  readonly role: NodeRole;
  readonly live: boolean;
  readonly notReadyForMs: number;
  /** Codes of its own reasons, only those we know. */
  readonly reasons: readonly string[];
  readonly maintenance: boolean;
  /** Both this node and the peer say MASTER, the peer since after we said so. */
  readonly bothMasterForMs: number;
  /** The peer's clock minus ours, good to half a round trip. */
  readonly skewMs: number | null;
  readonly skewedForMs: number;
  readonly agentVersions: { readonly ours: string; readonly theirs: string } | null;
  readonly proxysqlVersions: { readonly ours: string; readonly theirs: string } | null;
  readonly mismatchForMs: number;
  readonly definitionsDifferForMs: number;
  readonly tlsDifferForMs: number;
  /** null while the peer has not told. */
  readonly vhids: readonly PeerVhid[] | null;
  readonly preempt: boolean | null;
  /** What this node runs as active node and the peer lacks. */
  readonly lacking: Lacking | null;
}

export interface PeerVhid {
  readonly vhid: string;
  readonly advskew: number | null;
  readonly advbase: number | null;
}

export interface FenceFacts {
  /** Since when and why which servers are fenced; `host:port`. */
  readonly fences: readonly {
    readonly server: string;
    readonly kind: "downtime" | "replaced" | "peer";
    readonly detail: string;
    readonly successor: string | null;
    /** ISO 8601. */
    readonly since: string;
  }[];
  /** ProxySQL's servers that Orchestrator has never heard of, with a name that it may know them by. */
  readonly unknown: readonly { readonly server: string; readonly maybe: string | null }[];
  readonly problem: { readonly sentence: string; readonly forMs: number } | null;
  /** Why no leader of Orchestrator in quorum answers; null if one does. `graceMs`: null if none is configured any more. */
  readonly silence: { readonly why: string; readonly forMs: number; readonly graceMs: number | null } | null;
  readonly isolation: {
    readonly kind: "cut-off" | "orchestrator-down" | "unclear";
    readonly why: string;
    readonly action: "fence" | "alert" | "demote";
    /** ISO 8601. */
    readonly since: string;
  } | null;
}

export interface HostFacts {
  readonly lastError: string | null;
  readonly lastErrorForMs: number;
  readonly disks: readonly DiskFacts[];
  readonly devd: DevdFacts | null;
  readonly journalWritable: boolean;
  /** Why the configured HTTP page is not served; null if it is, or if there is none. */
  readonly http: string | null;
}

/** A file system that we, or ProxySQL, write to. Bytes. */
export interface DiskFacts {
  readonly path: string;
  readonly free: number;
  readonly total: number;
  readonly low: boolean;
}

/** What devd would do with the CARP events of this node's vhids. */
export interface DevdFacts {
  /** devd cannot read its configuration, and so does not start. */
  readonly broken: string | null;
  /** Events for which no rule calls our hook, such as `9@em0 INIT`. */
  readonly missing: readonly string[];
  readonly shadowed: readonly ShadowedEvent[];
}

export interface ShadowedEvent {
  readonly event: string;
  /** File and line of ours and of the rule that wins. */
  readonly ours: string;
  readonly by: string;
  readonly priority: number;
  /** Both have the same priority: which one wins is undefined. */
  readonly tie: boolean;
}
