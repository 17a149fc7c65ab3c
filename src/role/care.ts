/** Why a node carries a share of CARP demotion of its own. */
export type ShareCause = "unready" | "given-away" | "maintenance" | "switchover" | "no-lock";

/** How this node looks after its ProxySQL and its place in CARP, for status and reasons. Times in ms since 1970. */
export interface CareView {
  /** Since when ProxySQL on this MASTER is dead or does not serve; null while it is well. */
  readonly unwellSince: number | null;
  /** How often it was restarted since then. */
  readonly restarts: number;
  /** What this node itself has added to `net.inet.carp.demotion`; 0 if nothing. */
  readonly share: number;
  readonly shareWhy: ShareCause | null;
  readonly shareSince: number | null;
  /** `net.inet.carp.demotion` as it stands, ours and others'; null if it cannot be read. */
  readonly total: number | null;
  /** `net.inet.carp.preempt` and `net.inet.carp.allow`; null if they cannot be read. */
  readonly preempt: boolean | null;
  readonly allow: boolean | null;
  /** How often this node's health moved the role in the last hour. */
  readonly moves: number;
  /** A move is due and not allowed any more. */
  readonly exhausted: boolean;
}

/** An operator said: look, but do not act. */
export interface MaintenanceView {
  /** ISO 8601. */
  readonly since: string;
  readonly note: string | null;
  /** Follow a gained MASTER role all the same. */
  readonly forcePromotion: boolean;
}

/** A verified snapshot that ProxySQL did not start from, or did not serve: passed over until something newer comes. */
export interface Doubt {
  readonly id: string;
  readonly why: string;
  /** ISO 8601. */
  readonly at: string;
}
