import type { ShareCause } from "./care.js";
import type { NodeRole } from "./carp-role.js";
import type { Lineage, Ranked } from "./lineage.js";
import type { Lock } from "./lock.js";
import type { Stonith } from "./stonith.js";

/** What a peer last said of itself. */
export interface PeerView {
  readonly name: string;
  /** Asked since this node's role last changed (and answered, or could not be reached). */
  readonly asked: boolean;
  readonly reachable: boolean;
  /** The peer's own view of its role; `unknown` when its agent does not say. */
  readonly role: NodeRole;
  /** The greatest verified snapshot it holds. */
  readonly best: Ranked | null;
  /** What its ProxySQL holds, as its agent says: may be in an epoch that it has no snapshot of yet. */
  readonly running: Lineage | null;
  /** Fit to be MASTER, as its agent says; null when it does not say. */
  readonly ready: boolean | null;
}

/** How this node looks after its ProxySQL and its place in CARP. */
export interface Care {
  /** Since the role is MASTER and ProxySQL is dead or does not serve; 0 while it is well. */
  readonly unwellForMs: number;
  /** Starts of ProxySQL that were tried since it was last well for a while, as MASTER. */
  readonly tries: number;
  /** How many may be tried before the address is given away. */
  readonly tryLimit: number;
  /** How long until the next one; back-off. */
  readonly nextTryInMs: number;
  /** Our own share of CARP demotion is there, and why. */
  readonly share: ShareCause | null;
  /** What an earlier process began with the share is finished. */
  readonly shareSettled: boolean;
  /** The share was added so long ago that CARP should have moved the role, and did not. */
  readonly yieldDue: boolean;
  /** The share was added, or CARP was asked to step aside, so short ago that the role may be about to move. */
  readonly moving: boolean;
  /** On this MASTER nothing can be put in place, for no fault of a snapshot's: ProxySQL must do with what it has. */
  readonly cannotPlace: boolean;
  /** Flap damping lets health move the role now. */
  readonly mayMove: boolean;
  /** Fit to be MASTER, as far as this host itself is concerned; null when it is not known yet. */
  readonly fit: boolean | null;
  /** What made us give the address away is mended for sure. */
  readonly recovered: boolean;
  /** Without our share we would take the address back from the node that a switchover gave it to. */
  readonly standsAside: boolean;
}

/** Everything a plan depends on. Made by observing, never by remembering what we meant to do. */
export interface Observed {
  readonly role: NodeRole;
  /** Clients may arrive here: some vhid is MASTER, if not the leading one. */
  readonly holdsAddress: boolean;
  /** How long the role has been MASTER without a break; milliseconds. */
  readonly masterForMs: number;
  readonly settleMs: number;
  readonly standby: "warm" | "cold";
  readonly proxysql: {
    readonly running: boolean;
    readonly admin: boolean;
    readonly serving: boolean;
    readonly paused: boolean;
    readonly scheduler: { readonly runtime: number; readonly disk: number } | null;
    /** We asked for a start so short ago that it may still be coming up. */
    readonly starting: boolean;
  };
  /** An operator said: look, but do not act. */
  readonly maintenance: { readonly forcePromotion: boolean } | null;
  /** This node is giving the role to a peer: ProxySQL and our share are in the hands of the switchover. */
  readonly switching: boolean;
  /** A switchover closed the client port here and it was not opened since; an operator's own PAUSE is his affair. */
  readonly pausedByUs: boolean;
  readonly care: Care;
  /** null: none is configured. */
  readonly lock: Lock | null;
  /** Peers that may have to be shot before a promotion; null without a command for it. */
  readonly stonith: Stonith | null;
  /** A snapshot that was put in place and ProxySQL has not yet proven; how often it failed to. */
  readonly trial: { readonly ranked: Ranked; readonly failures: number } | null;
  /** A snapshot that was given up may still be in place, and the files from before it are kept. */
  readonly canPutBack: boolean;
  /** A snapshot was given up, and a supervisor may be about to start ProxySQL with it once more. */
  readonly givenUp: boolean;
  /** ProxySQL failed without the doubted snapshots too: once it serves they are to be tried again. */
  readonly unsure: boolean;
  /**
   * An operator's restore that is under way: the content of an older snapshot, under a lineage above all others. `failed`:
   * ProxySQL did not live with it, and what was there before is to be back, whole.
   */
  readonly restoring: { readonly ranked: Ranked; readonly failed: boolean } | null;
  /** The epoch this node opened and leads, if it does. */
  readonly leads: number | null;
  /** The shared content this node's epoch began with. */
  readonly openingContent: string | null;
  /** Snapshots of our epoch are being taken and sent. */
  readonly shipping: boolean;
  /** What this node's ProxySQL holds; null when it holds nothing of ours, or its database is damaged. */
  readonly running: Ranked | null;
  /** ProxySQL's database says something else than `running`, of which the store has a snapshot, and we do not lead. */
  readonly drifted: boolean;
  /** There is a configuration here of which we know nothing: `running` is null, and no snapshot says the same. */
  readonly foreign: boolean;
  /** The greatest verified snapshot in this node's store that ProxySQL has not failed on. */
  readonly best: Ranked | null;
  readonly peers: readonly PeerView[];
}
