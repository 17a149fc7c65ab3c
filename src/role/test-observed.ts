import type { Ranked } from "./lineage.js";
import type { Care, Observed, PeerView } from "./observed.js";

export function ranked(
  epoch: number,
  sequence: number,
  node: string,
  base: Ranked | null = null,
  content = "c",
): Ranked {
  const opening = { epoch, node, base: base?.lineage ?? null, baseContent: base?.content ?? null };
  return { lineage: { epoch, sequence, node }, ancestry: [opening, ...(base?.ancestry ?? [])], content };
}

export const first = ranked(5, 9, "a");
export const up = {
  running: true,
  admin: true,
  serving: true,
  paused: false,
  scheduler: { runtime: 0, disk: 0 },
  starting: false,
};
export const down = {
  running: false,
  admin: false,
  serving: false,
  paused: false,
  scheduler: null,
  starting: false,
};

/** Nothing is wrong and nothing was tried. */
export const calm: Care = {
  unwellForMs: 0,
  tries: 0,
  tryLimit: 2,
  nextTryInMs: 0,
  share: null,
  shareSettled: true,
  yieldDue: false,
  moving: false,
  mayMove: true,
  cannotPlace: false,
  fit: true,
  recovered: true,
  standsAside: false,
};

export function peer(view: Partial<PeerView> = {}): PeerView {
  return {
    name: "b",
    asked: true,
    reachable: true,
    role: "BACKUP",
    best: null,
    running: null,
    ready: true,
    ...view,
  };
}

export function observed(change: Partial<Observed> = {}): Observed {
  return {
    role: "BACKUP",
    holdsAddress: change.role === "MASTER",
    masterForMs: 1_000,
    settleMs: 50,
    standby: "warm",
    proxysql: up,
    maintenance: null,
    switching: false,
    pausedByUs: false,
    care: calm,
    lock: null,
    stonith: null,
    trial: null,
    canPutBack: false,
    givenUp: false,
    unsure: false,
    restoring: null,
    leads: null,
    openingContent: null,
    shipping: false,
    running: first,
    drifted: false,
    foreign: false,
    best: first,
    peers: [peer()],
    ...change,
  };
}
