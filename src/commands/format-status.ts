import type { Dated, PeerStatusView, StatusDocument } from "../agent/status.js";
import { inOrder } from "../http/reasons-document.js";
import type { LastTransition } from "../journal/history.js";
import { wallClock } from "../platform/clock.js";
import { formatDuration } from "../platform/duration.js";
import { formatLineage } from "../role/lineage.js";
import { lineageOfId } from "../snapshot/manifest.js";
import { type Colours, noColours } from "./colour.js";
import { reasonBlock } from "./format-reasons.js";
import { cutLines, type PageSize, type Row, row, rowLines, usualSize } from "./page.js";
import { headlines, roleNow } from "./status-headline.js";
import { wrap } from "./wrap.js";

/** The status, where an agent of another version may know less. */
export type ShownStatus = Omit<StatusDocument, "switchover" | "lastTransition"> & {
  readonly switchover?: {
    readonly phase?: string;
    readonly from: string;
    readonly to: string;
    readonly since: string;
  } | null;
  readonly lastTransition?: LastTransition | null;
};

/** More vhids than this are counted by their role. */
const mostVhids = 12;

/**
 * The status as one screen: who is active and whether the other one is ready, then what there is on either side, then
 * what is wrong and what to do. ASCII, no line wider and no page longer than `size`; ends with a newline.
 */
export function formatStatus(
  status: ShownStatus,
  size: PageSize = usualSize,
  colours: Colours = noColours,
): string {
  const head = headlines(status).flatMap(({ text, mark }) => wrap(text, size.width).map(colours[mark]));
  const facts = rows(status).flatMap((fact) => rowLines(fact, size, colours));
  const room = size.height - head.length - facts.length - 2;
  const wrong = problemLines(status, { ...size, height: room }, colours);
  const lines = [...head, "", ...facts, ...(wrong.length === 0 ? [] : ["", ...wrong])];
  return `${cutLines(lines, size, "There is more: `proxysql-carp status --json`.").join("\n")}\n`;
}

function rows(status: ShownStatus): Row[] {
  const { node, version, role, leads, standby, proxysql } = status;
  const isServing = proxysql.serving || (standby === "cold" && role !== "MASTER");
  return [
    row("node", `${node} (agent ${version}), ${standby} standby`),
    row("role", `${role}${leads === null ? "" : `, leads epoch ${leads}`}`),
    row("vhids", describeVhids(status.vhids)),
    ...switchoverRows(status),
    ...maintenanceRows(status),
    ...lockRows(status),
    ...demotionRows(status),
    row("proxysql", describeProxysql(proxysql), isServing ? undefined : "bad"),
    row("configuration", describeConfiguration(status)),
    ...status.peers.map((peer) => peerRow(peer, status)),
    ...drillRows(status),
    ...lastRows(status),
  ];
}

function describeVhids(vhids: StatusDocument["vhids"]): string {
  if (vhids.length <= mostVhids) return vhids.map(({ vhid, role }) => `${vhid} ${role}`).join(", ");
  const roles = [...new Set(vhids.map(({ role }) => role))];
  const counts = roles.map((role) => `${vhids.filter((one) => one.role === role).length} ${role}`);
  return `${vhids.length}: ${counts.join(", ")}`;
}

function switchoverRows({ switchover }: ShownStatus): Row[] {
  if (!switchover) return [];
  const { phase, from, to, since } = switchover;
  const now = phase === undefined ? "" : `: ${phase}`;
  return [row("switchover", `from ${from} to ${to}, for ${formatAge(since)}${now}`, "warn")];
}

function maintenanceRows({ maintenance }: ShownStatus): Row[] {
  if (maintenance === null) return [];
  const forced = maintenance.forcePromotion ? ", takes over all the same" : "";
  const note = maintenance.note === null ? "" : `: ${maintenance.note}`;
  return [row("maintenance", `on for ${formatAge(maintenance.since)}${forced}${note}`, "warn")];
}

/** Only if one is configured. A passive node need not have it, but must be able to ask. */
function lockRows({ lock, role }: ShownStatus): Row[] {
  if (!lock) return [];
  if (lock.held) return [row("lock", "held here")];
  const who = lock.holder === null ? "nobody is known to have it" : `${lock.holder} has it`;
  const isBad = role === "MASTER" || lock.problem !== null;
  return [
    row("lock", `${who}${lock.problem === null ? "" : "; it cannot be asked"}`, isBad ? "bad" : undefined),
  ];
}

/** Only if CARP is told to keep the role away from here, by us or by somebody else. */
function demotionRows({ care }: ShownStatus): Row[] {
  const { share, shareWhy, shareSince, total } = care;
  if (share === 0 && (total === null || total === 0)) return [];
  const since = shareSince === null ? "" : ` for ${formatDuration(Math.max(0, wallClock() - shareSince))}`;
  const ours =
    share === 0 ? "none of it ours" : `${share} of it ours, ${shareWhy ?? "no cause told"}${since}`;
  return [row("demotion", `${total ?? "unknown"}, ${ours}`, "warn")];
}

function describeProxysql({ up, admin, serving, paused, version }: StatusDocument["proxysql"]): string {
  if (!up) return "stopped";
  const state = paused ? "paused" : serving ? "serving" : "not serving";
  return `${version ?? "version unknown"}, ${state}${admin ? "" : ", its admin does not answer"}`;
}

/** What ProxySQL's database is here, and how old the last word on it is. */
function describeConfiguration({
  running,
  leads,
  lastTaken,
  lastReceived,
  lastInstalled,
}: ShownStatus): string {
  const what = running === null ? "nothing of this pair yet" : running.text;
  if (leads !== null) return lastTaken === null ? what : `${what}, taken ${ago(lastTaken)}`;
  if (lastReceived === null) return `${what}, never received any`;
  const got = shortId(lastReceived.snapshot);
  if (got !== running?.text) return `${what}; received last: ${got}, ${ago(lastReceived)}`;
  const isIn = lastInstalled?.snapshot === lastReceived.snapshot;
  return `${what}, received ${ago(lastReceived)}${isIn ? `, in use for ${formatDuration(Math.max(0, lastInstalled.ageMs))}` : ""}`;
}

function peerRow(peer: PeerStatusView, status: ShownStatus): Row {
  const { name, link, error, report, viewAgeMs } = peer;
  const heard = viewAgeMs === null ? "never heard" : `heard ${formatDuration(viewAgeMs)} ago`;
  const role = roleNow(peer) ?? (link === "up" ? "agent silent" : "role unknown");
  const told = status.reasons.some(({ about }) => about === name);
  const why = error === null || told ? "" : `: ${error}`;
  const resting = link === "up" && report?.maintenance === true ? ", in maintenance" : "";
  const lines = [`${role}${resting}; link ${link}, ${heard}${why}`];
  if (link === "up" && report?.proxysql) lines.push(`ProxySQL ${describeTheirs(report)}`);
  lines.push(describeShipping(peer, status));
  const isWell = link === "up" && report !== null;
  return row(`peer ${name}`, lines, isWell ? undefined : "bad");
}

function describeTheirs({ proxysql, standby, role }: NonNullable<PeerStatusView["report"]>): string {
  if (!proxysql) return "unknown";
  if (!proxysql.up)
    return standby === "cold" && role !== "MASTER" ? "stopped, as a cold standby's is" : "stopped";
  return `${proxysql.version ?? "version unknown"}, ${proxysql.serving ? "serving" : "not serving"}`;
}

/** What the peer holds of what this node leads with, or what it leads with itself. */
function describeShipping(
  { best, lastShipped, pending, report }: PeerStatusView,
  status: ShownStatus,
): string {
  if (status.leads === null) {
    const runs = report?.running ?? null;
    return runs === null ? `holds ${best?.text ?? "nothing"}` : `runs ${formatLineage(runs)}`;
  }
  const hasAll = best !== null && status.running !== null && best.text === status.running.text;
  const held =
    best === null ? "holds nothing" : `holds ${best.text}, ${hasAll ? "our newest" : "not our newest"}`;
  const shipped = lastShipped === null ? "" : `; last shipped ${ago(lastShipped)}`;
  return `${held}${shipped}${pending === null ? "" : `; ${shortId(pending)} under way`}`;
}

function drillRows({ drill }: ShownStatus): Row[] {
  if (drill === null) return [];
  const result = drill.ok
    ? `succeeded in ${formatDuration(drill.ms)}`
    : `failed: ${drill.why ?? "no cause told"}`;
  return [row("restore drill", `${formatAge(drill.at)} ago, ${result}`, drill.ok ? undefined : "warn")];
}

function lastRows({ lastTransition }: ShownStatus): Row[] {
  if (!lastTransition) return [];
  const { at, before, role, cause, outcome, ms } = lastTransition;
  const end = outcome === null ? "not ended" : outcome + (ms === null ? "" : ` after ${formatDuration(ms)}`);
  return [
    row(
      "last change",
      `${before} -> ${role} ${formatAge(at)} ago, ${end} (${cause})`,
      outcome === "done" ? undefined : "warn",
    ),
  ];
}

/** As many as there is room for, the worst first, each with what to do; of the worst one at least what fits. */
function problemLines({ reasons, problems }: ShownStatus, size: PageSize, colours: Colours): string[] {
  const { width } = size;
  const told = new Set(reasons.map(({ sentence }) => sentence));
  const blocks = [
    ...inOrder(reasons).map((reason) => (height: number) => reasonBlock(reason, { width, height }, colours)),
    ...problems.filter((problem) => !told.has(problem)).map((problem) => () => wrap(problem, width)),
  ];
  const lines: string[] = [];
  for (const [index, block] of blocks.entries()) {
    const left = blocks.length - index;
    const room = size.height - lines.length - (left === 1 ? 0 : 1);
    const whole = block(Number.POSITIVE_INFINITY);
    if (whole.length > room && index > 0) return [...lines, `${left} more: \`proxysql-carp reasons\``];
    lines.push(...(whole.length > room ? block(room) : whole));
  }
  return lines;
}

function ago({ ageMs }: Dated): string {
  return `${formatDuration(Math.max(0, ageMs))} ago`;
}

/** How long ago an ISO time was, by this host's clock, which is the agent's. */
function formatAge(at: string): string {
  return formatDuration(Math.max(0, wallClock() - Date.parse(at)));
}

/** `6.12@a` for the id of a snapshot. */
function shortId(id: string): string {
  const lineage = lineageOfId(id);
  return lineage === undefined ? id : formatLineage(lineage);
}
