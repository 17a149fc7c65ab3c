import { expect, it } from "vitest";
import { someValues } from "../http/test-sources.js";
import type { Rows } from "../journal/history-rows.js";
import { metricValuesOf } from "./metric-values.js";

const at = (secondsAgo: number): string => new Date(Date.now() - secondsAgo * 1_000).toISOString();
const dated = (snapshot: string, secondsAgo: number) => ({
  snapshot,
  at: at(secondsAgo),
  ageMs: secondsAgo * 1_000,
});
const lineage = (sequence: number) => ({ epoch: 6, sequence, node: "a", text: `6.${sequence}@a` });
const peer = {
  name: "b",
  link: "up",
  error: null,
  lastShipped: dated("0000000006-0000000011-a", 300),
  pending: null,
  best: lineage(12),
  report: null,
  viewAgeMs: 1,
};
const status = {
  version: "0.1.0",
  vhids: [{ vhid: "9@em0", role: "MASTER" }],
  leads: 6 as number | null,
  running: lineage(12),
  proxysql: { up: true, admin: true, serving: true, paused: false, version: "2.7.1" },
  lastTaken: dated("0000000006-0000000012-a", 100),
  lastReceived: null,
  lastInstalled: null,
  peers: [peer],
  reasons: [],
  care: { total: 240, share: 240, moves: 2 } as never,
  maintenance: null,
  drill: {
    at: "2026-11-21T03:17:00.000Z",
    snapshot: "s",
    ok: false,
    judged: true,
    ms: 1_500,
    startMs: null,
    why: "x",
  },
};
const more = { totals: someValues.totals, quarantined: 2, alerts: null };

/** A journal in which the snapshots after the last shipped one began so many seconds ago. */
function journalWith(secondsAgo: number | null, asked: unknown[] = []): Rows {
  return {
    query<Row>(_: string, ...values: readonly unknown[]) {
      asked.push(...values);
      return [{ at: secondsAgo === null ? null : at(secondsAgo) } as Row];
    },
  };
}

it("takes over what the status tells", () => {
  const values = metricValuesOf(status, journalWith(null), more);
  expect(values).toMatchObject({
    leads: 6,
    demotion: { total: 240, share: 240 },
    moves: 2,
    maintenance: false,
    drill: { ok: false, seconds: 1.5, at: Date.parse("2026-11-21T03:17:00Z") / 1_000 },
    quarantined: 2,
    peers: [{ name: "b", linkUp: true, agentUp: false, lagSeconds: 0 }],
  });
  expect(Math.round(Date.now() / 1_000 - (values.snapshots.taken ?? 0))).toBeGreaterThanOrEqual(100);
  expect(values.snapshots.received).toBeNull();
});

it("counts a peer's lag from the first snapshot that it lacks", () => {
  const behind = { ...status, peers: [{ ...peer, best: lineage(11) }] };
  const asked: unknown[] = [];
  const lag = metricValuesOf(behind, journalWith(200, asked), more).peers[0]?.lagSeconds ?? 0;
  expect(asked).toEqual(["0000000006-0000000011-a"]);
  expect(lag).toBeGreaterThanOrEqual(200);
  expect(lag).toBeLessThan(230);
});

it("counts it from the last one taken if the peer has lost what it had", () => {
  const lost = { ...status, peers: [{ ...peer, best: null }] };
  const lag = metricValuesOf(lost, journalWith(null), more).peers[0]?.lagSeconds ?? 0;
  expect(lag).toBeGreaterThanOrEqual(100);
  expect(lag).toBeLessThan(130);
});

it("knows of no lag on a node that does not lead", () => {
  const passive = { ...status, leads: null, peers: [{ ...peer, best: null }] };
  expect(metricValuesOf(passive, journalWith(200), more).peers[0]?.lagSeconds).toBeNull();
});
