import { type Reason, type ReasonCode, reasonKinds } from "../health/reason.js";
import type { MetricValues } from "./metric-values.js";
import type { HttpSources, StatusView } from "./sources.js";

/** A reason of a code as an agent would have it, with what `change` says. */
export function reasonOf(code: ReasonCode, change: Partial<Reason> = {}): Reason {
  return {
    code,
    ...reasonKinds[code],
    about: null,
    sentence: `What ${code} means here.`,
    todo: "What to do.",
    since: "2026-11-21T03:00:00.000Z",
    ...change,
  };
}

/** The status of a MASTER in order. */
export const someStatus: StatusView = {
  at: "2026-11-21T03:00:00.000Z",
  version: "0.1.0",
  node: "a",
  role: "MASTER",
  vhids: [
    { vhid: "9@em0", role: "MASTER" },
    { vhid: "10@em1", role: "BACKUP" },
  ],
  standby: "warm",
  leads: 6,
  running: { text: "6.12@a" },
  proxysql: { up: true, admin: true, serving: true, paused: false, version: "2.7.1" },
  lastTaken: { snapshot: "0000000006-0000000012-a", at: "2026-11-21T02:59:00.000Z", ageMs: 60_000 },
  lastReceived: null,
  lastInstalled: null,
  peers: [
    {
      name: "b",
      link: "up",
      error: null,
      lastShipped: { snapshot: "0000000006-0000000012-a", at: "2026-11-21T02:59:01.000Z", ageMs: 59_000 },
      pending: null,
      best: { text: "6.12@a" },
      report: { role: "BACKUP" },
      viewAgeMs: 500,
    },
  ],
  maintenance: null,
  drill: { at: "2026-11-20T03:17:00.000Z", ok: true, ms: 900, why: null },
};

/** The values of the same node. */
export const someValues: MetricValues = {
  version: "0.1.0",
  vhids: someStatus.vhids,
  leads: 6,
  reasons: [],
  maintenance: false,
  proxysql: { up: true, serving: true },
  snapshots: { taken: 1_795_230_000, received: null, installed: 1_795_220_000 },
  peers: [{ name: "b", linkUp: true, agentUp: true, shippedAt: 1_795_230_001, lagSeconds: 0 }],
  demotion: { total: 0, share: 0 },
  moves: 0,
  drill: { ok: true, seconds: 0.9, at: 1_795_140_000 },
  quarantined: 0,
  totals: {
    transitions: { MASTER: 1, BACKUP: 0, INIT: 0, unknown: 0 },
    steps: { done: 12, failed: 1, abandoned: 0 },
    snapshots: { taken: 3, shipped: 3, "refused-by-peer": 0, received: 0, installed: 1, refused: 0 },
    notes: { divergence: 1 },
  },
  alerts: { delivered: 2, failed: 0, dropped: 0 },
};

/** Sources that tell of that node, with what `change` says. */
export function sourcesOf(change: Partial<HttpSources> = {}): HttpSources {
  return {
    status: () => someStatus,
    reasons: () => [],
    role: () => someStatus.role,
    history: ({ since }) => ({
      schema: "proxysql-carp/history/v1",
      at: someStatus.at,
      node: "a",
      since: since ?? null,
      entries: [],
      more: false,
    }),
    alive: () => ({ ok: true, why: null }),
    metrics: () => someValues,
    ...change,
  };
}
