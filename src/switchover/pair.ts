import type { ShareCause } from "../role/care.js";
import type { NodeRole } from "../role/carp-role.js";
import type { VhidSkew } from "./stand-aside.js";

/** A reason of a node, as far as a switchover minds it. */
export interface NodeReason {
  readonly code: string;
  readonly severity: "critical" | "warning";
  readonly sentence: string;
  readonly todo: string;
}

export interface Demoted {
  /** `net.inet.carp.demotion`, everybody's shares together; null if it cannot be read. */
  readonly total: number | null;
  readonly share: number;
  readonly why: ShareCause | null;
}

/** The node that has the role and is to give it away, as it sees itself now. */
export interface GivingNode {
  readonly name: string;
  readonly role: NodeRole;
  /** It serves what it promoted, and no transition is under way. */
  readonly settled: boolean;
  readonly standby: "warm" | "cold";
  readonly vhids: readonly (VhidSkew & { readonly role: string; readonly protocol: "carp" | "vrrp" })[];
  readonly maintenance: boolean;
  /** ProxySQL answers on its admin port. */
  readonly admin: boolean;
  readonly reasons: readonly NodeReason[];
  readonly preempt: boolean | null;
  /** What else is under way that a switchover must not run into, in words; null if nothing. */
  readonly busy: string | null;
}

/** A peer, as it just answered. */
export interface TakingNode {
  readonly name: string;
  /** Why it could not be asked; null if it was. */
  readonly error: string | null;
  /** Its agent answered, and not its sshd alone. */
  readonly agent: boolean;
  readonly role: NodeRole;
  /** Fit to be MASTER, as it says; null when it does not say. */
  readonly ready: boolean | null;
  readonly reasons: readonly Pick<NodeReason, "code" | "severity">[];
  readonly maintenance: boolean;
  readonly preempt: boolean | null;
  readonly demotion: Demoted | null;
  readonly vhids: readonly VhidSkew[] | null;
}

/** Everything a switchover is planned from. */
export interface PairNow {
  readonly node: GivingNode;
  readonly peers: readonly TakingNode[];
  /** The peer that was named, or null for the best one. */
  readonly to: string | null;
}

/** The peer that is to take the role: the one named, else the ready one that CARP would choose. */
export function chooseTaker({ peers, to }: Pick<PairNow, "peers" | "to">): TakingNode | undefined {
  if (to !== null) return peers.find(({ name }) => name === to);
  const rank = (peer: TakingNode): number => {
    const skew = peer.vhids?.[0]?.advskew ?? 255;
    const hindered = peer.error !== null || peer.role !== "BACKUP" || peer.maintenance;
    return skew + (peer.ready === true ? 0 : 1_000) + (hindered ? 10_000 : 0);
  };
  return [...peers].sort((one, other) => rank(one) - rank(other))[0];
}
