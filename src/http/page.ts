import { createHash } from "node:crypto";
import type { Reason } from "../health/reason.js";
import { wallClock } from "../platform/clock.js";
import { formatDuration } from "../platform/duration.js";
import { Html, html } from "./html.js";
import { inOrder, isCritical } from "./reasons-document.js";
import type { DatedView, PeerPageView, StatusView } from "./sources.js";

/** How often a browser loads the page again; seconds. */
const refreshSeconds = 5;

const style = `
:root { color-scheme: light dark; font: 15px/1.5 system-ui, sans-serif; }
body { max-width: 60rem; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.3rem; } h2 { font-size: 1.05rem; margin: 1.6rem 0 .4rem; }
table { border-collapse: collapse; width: 100%; }
th, td { text-align: left; vertical-align: top; padding: .25rem .8rem .25rem 0; border-top: 1px solid #8884; }
th { font-weight: 600; white-space: nowrap; width: 9rem; }
td { overflow-wrap: anywhere; }
.ok { color: #18794e; } .warning { color: #ad5700; } .critical { color: #c62828; }
@media (prefers-color-scheme: dark) {
  .ok { color: #5bd197; } .warning { color: #ffb454; } .critical { color: #ff7b72; }
}
footer { margin-top: 2rem; opacity: .75; }
`;

/** Nothing is loaded from anywhere and nothing runs: the page is text, and one style sheet of its own. */
export const contentSecurityPolicy = [
  "default-src 'none'",
  `style-src 'sha256-${createHash("sha256").update(style).digest("base64")}'`,
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join("; ");

/** The status page: what the node is, what is wrong and what to do, and how its peers are. */
export function statusPage(status: StatusView, reasons: readonly Reason[]): string {
  const leading = status.leads === null ? "" : `, leads epoch ${status.leads}`;
  const rows: Html[] = [
    row("Role", `${status.role}${leading}`),
    ...(status.vhids.length > 1 ? status.vhids.map(({ vhid, role }) => row(vhid, role)) : []),
    row("Standby", status.standby),
    ...maintenanceRow(status),
    row("ProxySQL", describeProxysql(status.proxysql)),
    row("Runs", status.running?.text ?? "nothing of this pair yet"),
    row("Taken", describe(status.lastTaken)),
    row("Received", describe(status.lastReceived)),
    row("Installed", describe(status.lastInstalled)),
    row("Restore drill", describeDrill(status.drill)),
  ];
  return html`<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<meta http-equiv="refresh" content="${refreshSeconds}">
<title>${status.node}: ${status.role}</title>
${new Html(`<style>${style}</style>`)}
</head>
<body>
<h1>proxysql-carp on ${status.node}: <span class="${classOf(reasons)}">${headline(status.role, reasons)}</span></h1>
<table>
${rows}
</table>
<h2>Reasons</h2>
${reasons.length === 0 ? html`<p class="ok">None: a failover would work now.</p>` : html`<table>${inOrder(reasons).map(reasonRow)}</table>`}
${status.peers.map(peerTable)}
<footer>
${status.at}, agent ${status.version}, loaded again every ${refreshSeconds} s. Also here:
<a href="/api/v1/status">status</a>, <a href="/api/v1/history">history</a>, <a href="/metrics">metrics</a>,
<a href="/readyz">readyz</a>, <a href="/healthz">healthz</a>, <a href="/role">role</a>.
</footer>
</body>
</html>
`.text;
}

function row(label: string, text: string): Html {
  return html`<tr><th>${label}</th><td>${text}</td></tr>
`;
}

function reasonRow({ code, about, severity, sentence, todo, since }: Reason): Html {
  const name = about === null ? code : `${code} (${about})`;
  const age = formatDuration(Math.max(0, wallClock() - Date.parse(since)));
  return html`<tr><th class="${severity}">${name}</th><td>${sentence}<br>${todo}<br>${severity}, for ${age}, since ${since}</td></tr>
`;
}

function peerTable(peer: PeerPageView): Html {
  const seen = peer.viewAgeMs === null ? "never seen" : `seen ${formatDuration(peer.viewAgeMs)} ago`;
  const role = peer.report === null ? "its agent does not answer" : `role ${peer.report.role}`;
  const pending = peer.pending === null ? "" : `; under way: ${peer.pending}`;
  const rows = [
    row("Link", `${peer.link}, ${seen}, ${role}`),
    row("Shipped", describe(peer.lastShipped) + pending),
    row("Holds", peer.best?.text ?? "nothing"),
    ...(peer.error === null ? [] : [row("Error", peer.error)]),
  ];
  return html`<h2>Peer ${peer.name}</h2>
<table>
${rows}
</table>
`;
}

function maintenanceRow({ maintenance }: StatusView): Html[] {
  if (maintenance === null) return [];
  const note = maintenance.note === null ? "" : `: ${maintenance.note}`;
  return [row("Maintenance", `on since ${maintenance.since}${note}`)];
}

function classOf(reasons: readonly Reason[]): string {
  if (reasons.some(isCritical)) return "critical";
  return reasons.length > 0 ? "warning" : "ok";
}

function headline(role: string, reasons: readonly Reason[]): string {
  const critical = reasons.filter(isCritical).length;
  if (critical > 0) return `${role}, not ready (${critical} critical)`;
  return reasons.length > 0 ? `${role}, ready, with warnings` : `${role}, ready`;
}

function describeProxysql({ up, admin, serving, paused, version }: StatusView["proxysql"]): string {
  if (!up) return "stopped";
  const state = paused ? "paused" : serving ? "serving" : "not serving";
  return `${version ?? "version unknown"}, ${state}${admin ? "" : ", its admin does not answer"}`;
}

function describe(dated: DatedView | null): string {
  return dated === null ? "never" : `${dated.snapshot}, ${formatDuration(dated.ageMs)} ago`;
}

function describeDrill(drill: StatusView["drill"]): string {
  if (drill === null) return "never";
  return `${drill.ok ? "succeeded" : `failed: ${drill.why ?? "no cause told"}`}, ${formatDuration(drill.ms)}, ${drill.at}`;
}
