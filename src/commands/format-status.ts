import type { Dated, PeerStatusView, StatusDocument } from "../agent/status.js";
import { formatDuration } from "../platform/duration.js";
import { printable } from "./printable.js";

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
    row("proxysql", describeProxysql(proxysql)),
    row("runs", status.running?.text ?? "nothing of this pair yet"),
    row("taken", describe(status.lastTaken)),
    row("received", describe(status.lastReceived)),
    row("installed", describe(status.lastInstalled)),
    ...status.peers.flatMap(peerLines),
    ...(status.problems.length === 0
      ? [row("problems", "none")]
      : status.problems.map((problem, index) => row(index === 0 ? "problems" : "", problem))),
  ];
  return `${lines.join("\n")}\n`;
}

/** One line of the page. Names, versions and sentences come from peers and programs too: none reaches the terminal raw. */
function row(label: string, text: string): string {
  return `${printable(label).padEnd(labelWidth)}${printable(text)}`;
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
