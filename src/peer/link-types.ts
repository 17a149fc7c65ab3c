import type { KnownError } from "../platform/errors.js";
import type { Logger } from "../platform/log.js";
import type { NodeRole } from "../role/carp-role.js";
import type { Manifest } from "../snapshot/manifest.js";
import type { StoredSnapshot } from "../snapshot/store.js";
import type { PeerAddress } from "./connect.js";
import type { PeerStatus } from "./peer-status.js";
import type { PutOptions, PutResult } from "./transfer.js";

/** A snapshot that a peer has. */
export type ListedSnapshot = Pick<StoredSnapshot, "id" | "lineage" | "box">;

/** What a node tells its peers when its role changes. */
export interface RoleNews {
  readonly role: NodeRole;
  /** The epoch that it leads, or null. */
  readonly leads: number | null;
}

export type LinkState = "down" | "connecting" | "up";

/** Milliseconds, except for `silentBeats`. */
export interface LinkTimings {
  /** From the first packet to the serving process's greeting. */
  readonly connectMs: number;
  readonly heartbeatMs: number;
  /** Beats without an answer until the peer is declared down. */
  readonly silentBeats: number;
  readonly answerMs: number;
  /** The peer's verdict on a snapshot: it unpacks, digests, runs integrity_check and fsyncs. */
  readonly verdictMs: number;
  /** A whole put or get, with the wait for its turn. */
  readonly transferMs: number;
  readonly stopMs: number;
  /** A link that was up for less has not recovered: the back-off goes on growing. */
  readonly steadyMs: number;
}

export const defaultTimings: LinkTimings = {
  connectMs: 10_000,
  heartbeatMs: 500,
  silentBeats: 3,
  answerMs: 5_000,
  verdictMs: 60_000,
  transferMs: 600_000,
  stopMs: 1_000,
  steadyMs: 5_000,
};

export interface LinkOptions {
  /** This node's name. */
  readonly node: string;
  /** This agent's version, for the peer's log and errors. */
  readonly version?: string;
  readonly peer: PeerAddress;
  readonly log: Logger;
  readonly timings?: Partial<LinkTimings>;
  /** Milliseconds to wait after so many failures in a row; by default `backOff` with jitter. */
  readonly rest?: (failures: number) => number;
}

/** How the link stands, for status and reasons. */
export interface LinkView {
  readonly state: LinkState;
  /** Wall clock, ms: since when it is up, or is not. */
  readonly since: number;
  /** Why it is not up, or was not the last time. */
  readonly lastError: KnownError | undefined;
  /** Attempts that failed in a row. */
  readonly failures: number;
  /** Of the last heartbeat, in ms. */
  readonly roundTrip: number | undefined;
  /** The peer's wall clock minus ours in ms, good to half a round trip. */
  readonly clockSkew: number | undefined;
  readonly peerVersion: string | undefined;
}

/**
 * The link to one peer. It keeps itself connected; each call has a deadline, and fails at once (`peer-unreachable`,
 * with the cause) while the link is not up.
 */
export interface PeerLink {
  readonly name: string;
  readonly view: LinkView;
  start(): void;
  /** Ends it within `stopMs`. Every call that waits fails. */
  stop(): Promise<void>;
  /** Connects now instead of when the back-off ends. */
  nudge(): void;
  /** True as soon as the link is up, false if it is not within `ms`. */
  waitUp(ms: number): Promise<boolean>;
  onUp(listener: () => void): () => void;
  onDown(listener: (cause: KnownError) => void): () => void;
  /** Starts the peer's receiving process beforehand, so that the next put need not wait for it. Never rejects. */
  warm(): Promise<void>;
  /** Resolves when the peer has verified the snapshot, has it on disk, and said so. */
  put(dir: string, manifest: Manifest, options?: PutOptions): Promise<PutResult>;
  /** Fetches a snapshot's files and manifest into an existing directory; the caller verifies and admits it. */
  get(id: string, toDir: string, ms?: number): Promise<Manifest>;
  /** The greatest snapshot that the peer has, of its own or received. */
  latest(ms?: number): Promise<Manifest | undefined>;
  /** What the peer has, as it lists it; with `limit` its newest, though an older version sends all. */
  list(ms?: number, limit?: number): Promise<ListedSnapshot[]>;
  status(ms?: number): Promise<PeerStatus>;
  /**
   * Tells the peer's agent our role, so that it asks back at once instead of at its next turn. False if the peer is of
   * a version that does not know this question.
   */
  announce(news: RoleNews, ms?: number): Promise<boolean>;
  /**
   * Asks the peer's agent for a switchover or for its part in one; its own answer (`ok`, and `error` or what belongs to
   * it) comes back as it is. Errors: `peer-refused` if there is no agent, or it is of a version that knows none.
   */
  switchover(ask: Readonly<Record<string, unknown>>, ms?: number): Promise<Readonly<Record<string, unknown>>>;
  /** Milliseconds of one question and answer. */
  ping(ms?: number): Promise<number>;
}
