import type { Dated, PeerStatusView, StatusDocument } from "../agent/status.js";
import { inOrder } from "../http/reasons-document.js";
import { wallClock } from "../platform/clock.js";
import { formatDuration } from "../platform/duration.js";
import { printable } from "../platform/printable.js";

const labelWidth = 14;

/** The status page as text: at most 80 columns wide unless a sentence is longer, no colours, ends with a newline. */
export function formatStatus(status: StatusDocument): string {
  const { proxysql } = status;
  const leading = status.leads === null ? "" : `, leads epoch ${status.leads}`;
  const lines = [
    row("node", `${status.node} (agent ${status.version})`),
    row("role", `${status.role}${leading}`),
    ...(status.vhids.length > 1 ? status.vhids.map(({ vhid, role }) => row(`  ${vhid}`, role)) : []),
    row("standby", status.standby),
    ...maintenanceLines(status),
    row("proxysql", describeProxysql(proxysql)),
    row("runs", status.running?.text ?? "nothing of this pair yet"),
    row("taken", describe(status.lastTaken)),
    row("received", describe(status.lastReceived)),
    row("installed", describe(status.lastInstalled)),
    row("drill", describeDrill(status.drill)),
    ...status.peers.flatMap(peerLines),
    ...labelled("problems", problemLines(status)),
  ];
  return `${lines.join("\n")}\n`;
}

/** One line of the page. Names, versions and sentences come from peers and programs too: none reaches the terminal raw. */
function row(label: string, text: string): string {
  return `${printable(label).padEnd(labelWidth)}${printable(text)}`;
}

/** Rows of which only the first has the label; "none" if there are none. */
function labelled(label: string, texts: readonly string[]): string[] {
  return texts.length === 0
    ? [row(label, "none")]
    : texts.map((text, index) => row(index === 0 ? label : "", text));
}

/** Each reason with what to do about it, then what is wrong besides. */
function problemLines({ reasons, problems }: StatusDocument): string[] {
  const sentences = new Set(reasons.map(({ sentence }) => sentence));
  return [
    ...inOrder(reasons).flatMap(({ code, about, severity, since, sentence, todo }) => [
      `${about === null ? code : `${code} (${about})`}, ${severity} for ${formatAge(since)}: ${sentence}`,
      `  ${todo}`,
    ]),
    ...problems.filter((problem) => !sentences.has(problem)),
  ];
}

function maintenanceLines({ maintenance }: StatusDocument): string[] {
  if (maintenance === null) return [];
  const note = maintenance.note === null ? "" : `: ${maintenance.note}`;
  return [row("maintenance", `on since ${maintenance.since}${note}`)];
}

function describeDrill(drill: StatusDocument["drill"]): string {
  if (drill === null) return "never";
  const result = drill.ok
    ? `succeeded in ${formatDuration(drill.ms)}`
    : `failed: ${drill.why ?? "no cause told"}`;
  return `${result}, ${formatAge(drill.at)} ago`;
}

/** How long ago an ISO time was, by this host's clock, which is the agent's. */
function formatAge(at: string): string {
  return formatDuration(Math.max(0, wallClock() - Date.parse(at)));
}

function describeProxysql({ up, admin, serving, paused, version }: StatusDocument["proxysql"]): string {
  if (!up) return "stopped";
  const state = paused ? "paused" : serving ? "serving" : "not serving";
  return `${version ?? "version unknown"}, ${state}${admin ? "" : ", its admin does not answer"}`;
}

function describe(dated: Dated | null): string {
  return dated === null ? "never" : `${dated.snapshot}, ${formatDuration(dated.ageMs)} ago`;
}

function peerLines(peer: PeerStatusView): string[] {
  const seen = peer.viewAgeMs === null ? "never seen" : `seen ${formatDuration(peer.viewAgeMs)} ago`;
  const role = peer.report === null ? "its agent does not answer" : `role ${peer.report.role}`;
  return [
    row(`peer ${peer.name}`, `link ${peer.link}, ${seen}, ${role}`),
    row(
      "  shipped",
      describe(peer.lastShipped) + (peer.pending === null ? "" : `; under way: ${peer.pending}`),
    ),
    row("  holds", peer.best?.text ?? "nothing"),
  ];
}
