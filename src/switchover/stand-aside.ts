import type { NodeRole } from "../role/carp-role.js";

/** What decides in CARP how often a vhid speaks; null where it is not known. */
export interface VhidSkew {
  readonly vhid: string;
  readonly advskew?: number | null | undefined;
  readonly advbase?: number | null | undefined;
}

/** This node, without its share of demotion. */
export interface OwnSide {
  readonly vhids: readonly VhidSkew[];
  /** `net.inet.carp.preempt` here; null if it cannot be read. */
  readonly preempt: boolean | null;
}

/** What a peer last said. */
export interface MasterSide {
  readonly role: NodeRole;
  /** What its agent has added to its own demotion. */
  readonly share: number;
  /** null while it has not told. */
  readonly vhids: readonly VhidSkew[] | null;
}

/**
 * Whether a node that gave its address away must keep its share of demotion for the address to stay there. With
 * `preempt` here and the shorter interval it would take over again at once (carp(4): a backup with preemption takes
 * over from a master that advertises less often). Not if the new master has demoted itself meanwhile: it wants to be
 * relieved. What is not known counts as yes, because the address is not to move by itself.
 */
export function mustStandAside(ours: OwnSide, peers: readonly MasterSide[]): boolean {
  if (ours.preempt === false) return false;
  const masters = peers.filter(({ role }) => role === "MASTER");
  if (masters.length === 0) return true;
  return masters.some(({ share, vhids }) => share === 0 && isSlower(ours.vhids, vhids));
}

function isSlower(ours: readonly VhidSkew[], theirs: readonly VhidSkew[] | null): boolean {
  return ours.some((own) => {
    const mine = intervalOf(own);
    const other = intervalOf(theirs?.find(({ vhid }) => vhid === own.vhid));
    return mine === null || other === null || mine < other;
  });
}

/** Between two advertisements, in 256ths of a second. */
function intervalOf(vhid: VhidSkew | undefined): number | null {
  const { advskew, advbase } = vhid ?? {};
  return typeof advskew === "number" && typeof advbase === "number" ? advbase * 256 + advskew : null;
}
