import type { FenceDocument } from "../fence/document.js";
import { serverName } from "../fence/server.js";
import { formatDuration } from "../platform/duration.js";
import { printable } from "../platform/printable.js";
import { pageWidth, wrap } from "./wrap.js";

/** `fence status` as people read it. */
export function formatFence(document: FenceDocument): string {
  if (!document.enabled) {
    return "Nothing is fenced: there is no [orchestrator] in the configuration.\n";
  }
  const lines = [orchestratorLine(document), ...isolationLines(document)];
  if (document.fences.length === 0) lines.push("No server is fenced.");
  for (const fence of document.fences) lines.push("", ...fenceLines(fence));
  if (document.pardoned.length > 0)
    lines.push("", `Released by an operator: ${document.pardoned.map(printable).join(", ")}.`);
  for (const server of document.unknown)
    lines.push("", `Orchestrator does not know ${printable(server)}: see [fence] hosts.`);
  if (document.problem !== null)
    lines.push("", `ProxySQL does not keep to this: ${printable(document.problem)}`);
  return `${lines.flatMap((line) => wrap(line, pageWidth)).join("\n")}\n`;
}

function orchestratorLine({ orchestrator }: FenceDocument): string {
  const { state, leader, why, silentForMs } = orchestrator;
  if (state === "unknown") return "Orchestrator has not been asked yet.";
  if (state === "quorum") return `Orchestrator answers: leader ${printable(leader ?? "")}.`;
  return `No leader of Orchestrator in quorum has answered for ${formatDuration(silentForMs)}: ${printable(why ?? "")}`;
}

function isolationLines({ isolation }: FenceDocument): string[] {
  if (isolation === null) return [];
  const kind = {
    "cut-off": "it is cut off",
    "orchestrator-down": "Orchestrator is down",
    unclear: "it cannot be told why",
  }[isolation.kind];
  const action = {
    fence: "no server is used",
    alert: "nothing is done about it",
    demote: "the address goes to a peer that sees a quorum",
  }[isolation.action];
  return [`This node is isolated since ${isolation.since}: ${kind}; ${action}.`];
}

function fenceLines({ server, cause, since, rows }: FenceDocument["fences"][number]): string[] {
  const why = {
    downtime: "in downtime",
    replaced: `replaced by ${cause.successor ? printable(serverName(cause.successor)) : "another one"}`,
    peer: "as the peer says",
  }[cause.kind];
  const held = rows.map(({ hostgroup, was }) => `${was} in hostgroup ${hostgroup}`).join(", ");
  return [
    `${printable(serverName(server))}  fenced since ${since}: ${why} (${printable(cause.detail)})`,
    ...(held === "" ? [] : [`Before: ${held}.`]),
  ];
}
