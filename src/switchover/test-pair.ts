import type { GivingNode, PairNow, TakingNode } from "./pair.js";

export const vhid = { vhid: "9@em0", advskew: 0, advbase: 1 };

/** A node that may give its role away. */
export const giving: GivingNode = {
  name: "a",
  role: "MASTER",
  settled: true,
  standby: "warm",
  vhids: [{ ...vhid, role: "MASTER", protocol: "carp" }],
  maintenance: false,
  admin: true,
  reasons: [],
  preempt: true,
  busy: null,
};

/** A peer that may take it. */
export const taking: TakingNode = {
  name: "b",
  error: null,
  agent: true,
  role: "BACKUP",
  ready: true,
  reasons: [],
  maintenance: false,
  preempt: true,
  demotion: { total: 0, share: 0, why: null },
  vhids: [{ ...vhid, advskew: 100 }],
};

export function pairNow(
  node: Partial<GivingNode> = {},
  peer: Partial<TakingNode> = {},
  more: Partial<PairNow> = {},
): PairNow {
  return { node: { ...giving, ...node }, peers: [{ ...taking, ...peer }], to: null, ...more };
}
