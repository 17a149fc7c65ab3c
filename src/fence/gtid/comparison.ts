/** Why it cannot be known what one server has and the other has not. A kind never changes its meaning. */
export type DoubtKind =
  | "flavours-differ"
  | "same-server"
  | "same-server-id"
  | "no-binary-log"
  | "no-gtid"
  | "not-strict"
  | "order-broken"
  | "no-history"
  | "no-common-history"
  | "domain-unknown"
  | "server-unknown"
  | "tail-lost";

/** One cause for which a comparison proves nothing, with its sentence. */
export interface Doubt {
  readonly kind: DoubtKind;
  readonly sentence: string;
}

/** Transactions of one source, from the first number to the last; not all numbers between need be there with MariaDB. */
export interface GtidRange {
  /** `uuid`, `uuid:tag`, or MariaDB's `domain-server`. */
  readonly source: string;
  readonly from: bigint;
  readonly to: bigint;
}

/** What a server at a certain time has in its binary logs, as far as finding transactions in them takes. */
export interface GtidMatcher {
  /** Whether a GTID as the binary log writes it is one of those looked for. */
  matches(gtid: string): boolean;
  /** Whether none of them is in an older file than the one that begins with this state. */
  reachesBack(head: string): boolean;
  /** Whether some may be in a file that begins with the one state and ends with the other (null: is not ended). */
  mayHold(head: string, end: string | null): boolean;
}

/** What the old server has and the new one has not, and what speaks against believing that. */
export interface Comparison {
  readonly doubts: readonly Doubt[];
  readonly extra: readonly GtidRange[];
  /** Exact with MySQL; undefined with MariaDB, where only its binary logs tell which numbers were given. */
  readonly count: bigint | undefined;
  readonly matcher: GtidMatcher;
}
