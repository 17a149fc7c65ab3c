/** What a reason is about; `check` can look at one group alone. */
export const reasonGroups = ["snapshots", "peer", "role", "proxysql", "fence", "host"] as const;
export type ReasonGroup = (typeof reasonGroups)[number];

/** `critical`: a failover would not work, or clients are not served now. `warning`: it would, but not as it should. */
export type Severity = "critical" | "warning";

/**
 * Every reason that there is, with its group and how bad it is. Codes are fixed: scripts and alerts rely on them. After
 * TrueNAS' named reasons why failover is not possible.
 */
export const reasonKinds = {
  "no-verified-snapshot": { group: "snapshots", severity: "critical" },
  "snapshot-too-old": { group: "snapshots", severity: "critical" },
  "snapshot-not-taken": { group: "snapshots", severity: "critical" },
  "newest-doubted": { group: "snapshots", severity: "critical" },
  "snapshot-doubted": { group: "snapshots", severity: "warning" },
  "drill-failed": { group: "snapshots", severity: "critical" },
  "quarantine-not-empty": { group: "snapshots", severity: "warning" },
  "table-definitions-differ": { group: "snapshots", severity: "critical" },
  "tls-files-differ": { group: "snapshots", severity: "warning" },
  divergence: { group: "snapshots", severity: "warning" },
  "peer-unreachable": { group: "peer", severity: "critical" },
  "peer-agent-down": { group: "peer", severity: "critical" },
  "host-key-changed": { group: "peer", severity: "critical" },
  "peer-not-ready": { group: "peer", severity: "critical" },
  "clock-skew": { group: "peer", severity: "warning" },
  "version-mismatch": { group: "peer", severity: "warning" },
  "role-unknown": { group: "role", severity: "critical" },
  "both-master": { group: "role", severity: "critical" },
  "stonith-failed": { group: "role", severity: "critical" },
  "lock-not-held": { group: "role", severity: "critical" },
  "lock-unreachable": { group: "role", severity: "critical" },
  "no-master": { group: "role", severity: "critical" },
  "vhids-split": { group: "role", severity: "warning" },
  "role-opposite": { group: "role", severity: "critical" },
  "carp-will-fight": { group: "role", severity: "warning" },
  "foreign-demotion": { group: "role", severity: "warning" },
  "own-demotion": { group: "role", severity: "warning" },
  "moves-exhausted": { group: "role", severity: "critical" },
  "maintenance-on": { group: "role", severity: "warning" },
  "proxysql-down": { group: "proxysql", severity: "critical" },
  "not-serving": { group: "proxysql", severity: "critical" },
  drift: { group: "proxysql", severity: "warning" },
  "server-fenced": { group: "fence", severity: "warning" },
  "fence-not-applied": { group: "fence", severity: "critical" },
  "server-unknown": { group: "fence", severity: "warning" },
  "orchestrator-unreachable": { group: "fence", severity: "warning" },
  isolated: { group: "fence", severity: "critical" },
  "step-failed": { group: "host", severity: "warning" },
  "disk-nearly-full": { group: "host", severity: "critical" },
  "devd-rule-missing": { group: "host", severity: "warning" },
  "devd-rule-shadowed": { group: "host", severity: "warning" },
  "journal-not-writable": { group: "host", severity: "critical" },
  "http-not-listening": { group: "host", severity: "warning" },
} as const satisfies Record<string, { group: ReasonGroup; severity: Severity }>;

export type ReasonCode = keyof typeof reasonKinds;

/** A reason as it is found at one look. `about` tells two of one code apart: a peer's name, a vhid, a table. */
export interface Finding {
  readonly code: ReasonCode;
  readonly about: string | null;
  /** What is wrong with what. Changes of the wording alone (an age, a count) do not make it another reason. */
  readonly sentence: string;
  /** What to do about it. */
  readonly todo: string;
}

/** A cause why a failover would not work now, or not as it should. No reasons: ready. */
export interface Reason extends Finding {
  readonly group: ReasonGroup;
  readonly severity: Severity;
  /** Since when it is there, by this node's clock; ISO 8601. */
  readonly since: string;
}
