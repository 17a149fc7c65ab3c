import type { Reason } from "../health/reason.js";
import type { TotalsView } from "../journal/totals.js";

/** What is known of one peer, for the metrics. */
export interface PeerMetricValues {
  readonly name: string;
  readonly linkUp: boolean;
  /** Its agent tells of itself over the link. */
  readonly agentUp: boolean;
  /** When it last confirmed a snapshot; seconds since 1970, null if never. */
  readonly shippedAt: number | null;
  /** How long it has lacked what runs here; seconds, 0 if it has it, null if this node does not lead. */
  readonly lagSeconds: number | null;
}

/** Everything that `/metrics` tells, as plain values. A null is left out: an unknown is not a zero. */
export interface MetricValues {
  readonly version: string;
  readonly vhids: readonly { readonly vhid: string; readonly role: string }[];
  /** The epoch that this node leads. */
  readonly leads: number | null;
  readonly reasons: readonly Pick<Reason, "code" | "severity">[];
  readonly maintenance: boolean;
  readonly proxysql: { readonly up: boolean; readonly serving: boolean };
  /** When the last one was taken, received, installed; seconds since 1970. */
  readonly snapshots: {
    readonly taken: number | null;
    readonly received: number | null;
    readonly installed: number | null;
  };
  readonly peers: readonly PeerMetricValues[];
  readonly demotion: { readonly total: number | null; readonly share: number };
  /** How often this node's health moved the role in the last hour. */
  readonly moves: number;
  /** The last restore drill; `at` in seconds since 1970. */
  readonly drill: { readonly ok: boolean; readonly seconds: number; readonly at: number } | null;
  readonly quarantined: number | null;
  readonly totals: TotalsView;
  /** How often the alert hook was run, by how that ended. */
  readonly alerts: Readonly<Record<string, number>> | null;
}
