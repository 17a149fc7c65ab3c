import { reasonKinds } from "../health/reason.js";
import type { MetricValues } from "./metric-values.js";

/** One time series of a metric. */
interface Sample {
  readonly labels?: Readonly<Record<string, string>>;
  readonly value: number;
}

/** A metric: its name without the prefix, what it is, and how it comes from the values. */
export interface Metric {
  readonly name: string;
  readonly type: "gauge" | "counter";
  readonly help: string;
  readonly samples: (values: MetricValues) => readonly Sample[];
}

/** The roles that a vhid can have; a label takes no other value. */
const roles = ["MASTER", "BACKUP", "INIT", "unknown"];

/**
 * Every metric of ours. Label values are the configuration's own names (vhids, peers) or from fixed lists, never a text
 * that came from elsewhere, so the number of series is bounded. Names and units as Prometheus' conventions have them
 * (prometheus.io/docs/practices/naming).
 */
export const metricTable: readonly Metric[] = [
  gauge("build_info", "Always 1; the label tells the agent's version.", ({ version }) => [
    { labels: { version }, value: 1 },
  ]),
  gauge("role", "1 for the CARP role that a vhid has now, 0 for the others.", ({ vhids }) =>
    vhids.flatMap(({ vhid, role: now }) =>
      roles.map((role) => ({ labels: { vhid, role }, value: flag(role === now) })),
    ),
  ),
  gauge("leading", "1 if this node leads an epoch: it is the one whose changes are shipped.", ({ leads }) =>
    one(flag(leads !== null)),
  ),
  gauge(
    "ready",
    "1 if there is no critical reason why a failover would not work; as /readyz.",
    ({ reasons }) => one(flag(!reasons.some(({ severity }) => severity === "critical"))),
  ),
  gauge("reasons", "How many reasons there are now, by severity.", ({ reasons }) =>
    ["critical", "warning"].map((severity) => ({
      labels: { severity },
      value: reasons.filter((reason) => reason.severity === severity).length,
    })),
  ),
  gauge("reason", "How many reasons of a code there are now; every code is always there.", ({ reasons }) =>
    Object.entries(reasonKinds).map(([code, { group, severity }]) => ({
      labels: { code, group, severity },
      value: reasons.filter((reason) => reason.code === code).length,
    })),
  ),
  gauge("maintenance", "1 while maintenance is on: the agent looks and does not act.", ({ maintenance }) =>
    one(flag(maintenance)),
  ),
  gauge("proxysql_up", "1 if something answers on ProxySQL's admin or client port.", ({ proxysql }) =>
    one(flag(proxysql.up)),
  ),
  gauge("proxysql_serving", "1 if ProxySQL's client port greets as a MySQL server.", ({ proxysql }) =>
    one(flag(proxysql.serving)),
  ),
  gauge("snapshot_age_seconds", "Age of the newest snapshot that was taken or received here.", ageOfSnapshot),
  gauge("last_taken_timestamp_seconds", "When the last snapshot was taken here.", ({ snapshots }) =>
    one(snapshots.taken),
  ),
  gauge("last_received_timestamp_seconds", "When the last snapshot came from a peer.", ({ snapshots }) =>
    one(snapshots.received),
  ),
  gauge("last_installed_timestamp_seconds", "When ProxySQL here last got a snapshot.", ({ snapshots }) =>
    one(snapshots.installed),
  ),
  gauge("last_shipped_timestamp_seconds", "When a peer last confirmed a snapshot as verified.", ({ peers }) =>
    peers.flatMap(({ name, shippedAt }) => ofPeer(name, shippedAt)),
  ),
  gauge("peer_up", "1 if the link to a peer is up.", ({ peers }) =>
    peers.flatMap(({ name, linkUp }) => ofPeer(name, flag(linkUp))),
  ),
  gauge("peer_agent_up", "1 if a peer's agent tells of itself over the link.", ({ peers }) =>
    peers.flatMap(({ name, agentUp }) => ofPeer(name, flag(agentUp))),
  ),
  gauge(
    "peer_lag_seconds",
    "How long a peer has lacked what this leading node runs; 0: it has it.",
    ({ peers }) => peers.flatMap(({ name, lagSeconds }) => ofPeer(name, lagSeconds)),
  ),
  gauge("demotion", "net.inet.carp.demotion as it stands, ours and others'.", ({ demotion }) =>
    one(demotion.total),
  ),
  gauge("demotion_share", "What this agent itself has added to the demotion.", ({ demotion }) =>
    one(demotion.share),
  ),
  gauge("moves_last_hour", "How often this node's health moved the role in the last hour.", ({ moves }) =>
    one(moves),
  ),
  gauge("drill_success", "1 if the last restore drill succeeded.", ({ drill }) =>
    one(drill === null ? null : flag(drill.ok)),
  ),
  gauge("drill_duration_seconds", "How long the last restore drill took.", ({ drill }) =>
    one(drill?.seconds ?? null),
  ),
  gauge("drill_timestamp_seconds", "When the last restore drill was.", ({ drill }) => one(drill?.at ?? null)),
  gauge("quarantined", "Snapshots in quarantine.", ({ quarantined }) => one(quarantined)),
  counter("transitions", "Transitions since the agent's start, by the role that came.", ({ totals }) =>
    counts("role", totals.transitions),
  ),
  counter("steps", "Steps since the agent's start, by how they ended.", ({ totals }) =>
    counts("outcome", totals.steps),
  ),
  counter("steps_failed", "Steps that failed since the agent's start.", ({ totals }) =>
    one(totals.steps.failed),
  ),
  counter("snapshots", "What happened to snapshots since the agent's start.", ({ totals }) =>
    counts("event", totals.snapshots),
  ),
  counter("notes", "Notes for the operator in the journal since the agent's start.", ({ totals }) =>
    counts("kind", totals.notes),
  ),
  counter("alerts", "Runs of the alert hook since the agent's start, by how they ended.", ({ alerts }) =>
    counts("outcome", alerts ?? {}),
  ),
];

function gauge(name: string, help: string, samples: Metric["samples"]): Metric {
  return { name, type: "gauge", help, samples };
}

function counter(name: string, help: string, samples: Metric["samples"]): Metric {
  return { name: `${name}_total`, type: "counter", help, samples };
}

function flag(value: boolean): number {
  return value ? 1 : 0;
}

function one(value: number | null): Sample[] {
  return value === null ? [] : [{ value }];
}

function ofPeer(peer: string, value: number | null): Sample[] {
  return value === null ? [] : [{ labels: { peer }, value }];
}

function counts(label: string, byName: Readonly<Record<string, number>>): Sample[] {
  return Object.entries(byName).map(([name, value]) => ({ labels: { [label]: name }, value }));
}

function ageOfSnapshot({ snapshots }: MetricValues): Sample[] {
  const times = [snapshots.taken, snapshots.received].filter((time) => time !== null);
  return times.length === 0 ? [] : [{ value: Math.max(0, Date.now() / 1_000 - Math.max(...times)) }];
}
