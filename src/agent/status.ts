import { configDigest } from "../config/digest.js";
import type { Reason } from "../health/reason.js";
import type { Liveness } from "../http/sources.js";
import { type LastTransition, lastTransition } from "../journal/history.js";
import type { LockState } from "../lock/keeper.js";
import type { PeerLink } from "../peer/link.js";
import { wallClock } from "../platform/clock.js";
import type { CareView, Doubt, MaintenanceView } from "../role/care.js";
import { formatLineage, type Lineage } from "../role/lineage.js";
import { type PeerReport, readReport } from "../ship/peer-report.js";
import type { AgentContext } from "./context.js";
import type { DrillRecord } from "./drills.js";
import { livenessOf } from "./liveness.js";
import type { Observer } from "./observer.js";
import type { Reconciler } from "./reconciler.js";
import type { SwitchoverView } from "./switchover-record.js";
import { version } from "./version.js";
import type { HealthWatch } from "./watch-health.js";

/** A snapshot event as the status page tells it. `ageMs` counts from the event, by this node's clock. */
export interface Dated {
  readonly snapshot: string;
  readonly at: string;
  readonly ageMs: number;
}

export interface LineageText extends Lineage {
  /** `6.12@a` */
  readonly text: string;
}

export interface PeerStatusView {
  readonly name: string;
  readonly link: string;
  readonly error: string | null;
  readonly lastShipped: Dated | null;
  readonly pending: string | null;
  readonly best: LineageText | null;
  /** What the peer's agent says of itself; null if only its sshd answers, or nobody. */
  readonly report: PeerReport | null;
  readonly viewAgeMs: number | null;
}

/** The document of `status --json`. Described in docs/json.md; fields are only ever added. */
export interface StatusDocument {
  readonly schema: "proxysql-carp/status/v1";
  readonly at: string;
  readonly version: string;
  /** Digest of the configuration it runs with: another one than the file has now waits for a reload. */
  readonly configuration?: string;
  readonly node: string;
  readonly role: string;
  readonly vhids: readonly { readonly vhid: string; readonly role: string }[];
  readonly standby: string;
  /** The epoch this node leads, or null. */
  readonly leads: number | null;
  readonly running: LineageText | null;
  readonly proxysql: {
    readonly up: boolean;
    readonly admin: boolean;
    readonly serving: boolean;
    readonly paused: boolean;
    readonly version: string | null;
  };
  readonly lastTaken: Dated | null;
  readonly lastReceived: Dated | null;
  readonly lastInstalled: Dated | null;
  readonly peers: readonly PeerStatusView[];
  /** Whether the agent's loops turn; if not, all else here may be old. */
  readonly alive: Liveness;
  /** No reasons: a failover would work now, and nothing waits for a person. */
  readonly ready: boolean;
  /** Why a failover would not work now, or not as it should; the worst first. */
  readonly reasons: readonly Reason[];
  readonly maintenance: MaintenanceView | null;
  /** The lock in etcd or Consul; null: none is configured. Absent from agents that did not know it yet. */
  readonly lock?: LockState | null;
  /** The role is being given to a peer. */
  readonly switchover: SwitchoverView | null;
  /** What the role last changed from and to; null if it never did. */
  readonly lastTransition: LastTransition | null;
  readonly care: CareView;
  /** The last restore drill; null before the first. */
  readonly drill: DrillRecord | null;
  /** Verified snapshots that ProxySQL failed on. */
  readonly doubts: readonly Doubt[];
  /** What is wrong now, in sentences; empty when nothing is. */
  readonly problems: readonly string[];
}

/** What the watch over health and the drills say, for those who ask. */
export type HealthView = Pick<HealthWatch, "reasons" | "drill" | "quietForMs">;

/** What this node says of itself, from the last look at everything; asks nobody, so it answers at once. */
export function statusOf(
  node: AgentContext,
  observer: Observer,
  reconciler: Reconciler,
  health: HealthView,
): StatusDocument {
  const { config, state, journal, links, board, shipper } = node;
  const { proxysql, carp } = observer;
  const { reasons, drill } = health;
  const views = new Map(board.views().map((view) => [view.name, view]));
  const peers = [...links].map(([name, link]): PeerStatusView => {
    const told = board.describe(name);
    const best = views.get(name)?.best ?? null;
    return {
      name,
      link: link.view.state,
      error: linkError(link) ?? told.error ?? shipper.shipmentTo(name)?.error ?? null,
      lastShipped: dated(journal.lastSnapshot("shipped", name)),
      pending: shipper.shipmentTo(name)?.pending ?? null,
      best: best === null ? null : withText(best.lineage),
      report: readReport(told.status?.report),
      viewAgeMs: told.ageMs,
    };
  });
  return {
    schema: "proxysql-carp/status/v1",
    at: new Date(wallClock()).toISOString(),
    version,
    configuration: configDigest(config),
    node: config.node.name,
    role: carp.role,
    vhids: carp.vhids.map(({ vhid, role }) => ({ vhid, role })),
    standby: config.carp.standby,
    leads: state.leads,
    running: state.running === null ? null : withText(state.running.lineage),
    proxysql: {
      up: proxysql?.running ?? false,
      admin: proxysql?.admin ?? false,
      serving: proxysql?.serving ?? false,
      paused: proxysql?.paused ?? false,
      version: proxysql?.version ?? null,
    },
    lastTaken: dated(journal.lastSnapshot("taken")),
    lastReceived: dated(journal.lastSnapshot("received")),
    lastInstalled: dated(journal.lastSnapshot("installed")),
    peers,
    alive: livenessOf(config, reconciler, health),
    ready: reasons.length === 0,
    reasons,
    maintenance: node.maintenance.view(),
    lock: node.lock?.state ?? null,
    switchover: node.switchover.current,
    lastTransition: lastTransition(journal),
    care: node.care.view(),
    drill,
    doubts: node.trial.doubts(),
    problems: problemsOf(node, observer, reconciler, reasons),
  };
}

/** The reasons' sentences, and what went wrong last even if it is no reason yet. */
function problemsOf(
  { state, shipper }: AgentContext,
  { carpProblem }: Observer,
  { lastError }: Reconciler,
  reasons: readonly Reason[],
): string[] {
  const sentences = reasons.map(({ sentence }) => sentence);
  const takeError = state.leads === null ? undefined : shipper.takeError;
  const last = [carpProblem, lastError, takeError && `No snapshot could be taken: ${takeError}`];
  const isNew = (error: string | undefined): error is string =>
    error !== undefined && !sentences.some((sentence) => sentence.includes(error));
  return [...new Set([...sentences, ...last.filter(isNew)])];
}

/** Why the link is not up. What went wrong before it came up again is history. */
function linkError({ view }: PeerLink): string | undefined {
  return view.state === "up" ? undefined : view.lastError?.message;
}

function dated(record: { at: string; snapshot: string } | undefined): Dated | null {
  return record === undefined ? null : { ...record, ageMs: wallClock() - Date.parse(record.at) };
}

function withText(lineage: Lineage): LineageText {
  return { ...lineage, text: formatLineage(lineage) };
}
