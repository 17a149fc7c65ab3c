import type { MetricValues, PeerMetricValues } from "../http/metric-values.js";
import type { Rows } from "../journal/history-rows.js";
import type { TotalsView } from "../journal/totals.js";
import { wallClock } from "../platform/clock.js";
import { compareLineage } from "../role/lineage.js";
import type { Dated, PeerStatusView, StatusDocument } from "./status.js";

/** The part of the status that metrics are made of. */
type MeasuredStatus = Pick<
  StatusDocument,
  | "version"
  | "vhids"
  | "leads"
  | "running"
  | "proxysql"
  | "lastTaken"
  | "lastReceived"
  | "lastInstalled"
  | "peers"
  | "reasons"
  | "care"
  | "maintenance"
  | "drill"
>;

/** What the status does not tell. */
export interface MoreValues {
  readonly totals: TotalsView;
  readonly quarantined: number | null;
  readonly alerts: Readonly<Record<string, number>> | null;
}

/** Everything that `/metrics` tells, from the status and the journal. */
export function metricValuesOf(status: MeasuredStatus, journal: Rows, more: MoreValues): MetricValues {
  const { version, vhids, leads, reasons, proxysql, care, drill } = status;
  return {
    version,
    vhids,
    leads,
    reasons,
    maintenance: status.maintenance !== null,
    proxysql,
    snapshots: {
      taken: secondsOf(status.lastTaken),
      received: secondsOf(status.lastReceived),
      installed: secondsOf(status.lastInstalled),
    },
    peers: status.peers.map((peer) => ofPeer(peer, status, journal)),
    demotion: { total: care.total, share: care.share },
    moves: care.moves,
    drill:
      drill === null ? null : { ok: drill.ok, seconds: drill.ms / 1_000, at: Date.parse(drill.at) / 1_000 },
    ...more,
  };
}

function ofPeer(peer: PeerStatusView, status: MeasuredStatus, journal: Rows): PeerMetricValues {
  return {
    name: peer.name,
    linkUp: peer.link === "up",
    agentUp: peer.report !== null,
    shippedAt: secondsOf(peer.lastShipped),
    lagSeconds: lagOf(peer, status, journal),
  };
}

/** Seconds since the first snapshot that this leading node took and the peer lacks; null if this node does not lead. */
function lagOf(
  { best, lastShipped }: PeerStatusView,
  { leads, running, lastTaken }: MeasuredStatus,
  journal: Rows,
): number | null {
  if (leads === null) return null;
  const holds =
    running === null || running.sequence === 0 || (best !== null && compareLineage(best, running) >= 0);
  if (holds) return 0;
  // A snapshot's id begins with its epoch and sequence, of fixed width: ids rank as lineages do.
  const [row] = journal.query<{ at: string | null }>(
    "SELECT min(at) AS at FROM snapshots WHERE event = 'taken' AND snapshot > ?",
    lastShipped?.snapshot ?? "",
  );
  // Nothing newer was taken: the peer has lost what it had.
  const since = row?.at ?? lastTaken?.at;
  return since === undefined ? 0 : Math.max(0, (wallClock() - Date.parse(since)) / 1_000);
}

function secondsOf(dated: Dated | null): number | null {
  return dated === null ? null : Date.parse(dated.at) / 1_000;
}
