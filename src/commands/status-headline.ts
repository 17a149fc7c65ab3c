import type { PeerStatusView, StatusDocument } from "../agent/status.js";
import { isCritical } from "../http/reasons-document.js";
import type { Mark } from "./page.js";

/** A sentence of the page's beginning, and whether it is good news. */
export interface Headline {
  readonly text: string;
  readonly mark: Mark;
}

type Told = Pick<
  StatusDocument,
  "node" | "role" | "proxysql" | "peers" | "alive" | "reasons" | "maintenance"
>;

/** What one wants to know first: who is active, and whether the other one is ready. */
export function headlines(status: Told): Headline[] {
  const { node, alive, role } = status;
  const hung: Headline[] = alive.ok
    ? []
    : [
        {
          text: `The agent on ${node} hangs, so all below may be old: ${alive.why ?? "no cause told"}`,
          mark: "bad",
        },
      ];
  return [
    ...hung,
    active(status),
    ...(role === "MASTER" ? status.peers.map(standby) : [own(status)]),
    ...verdict(status),
  ];
}

/** A peer's role by its last answer; undefined if it does not answer now. */
export function roleNow({ link, report }: PeerStatusView): string | undefined {
  return link === "up" ? report?.role : undefined;
}

function active({ node, role, proxysql, peers }: Told): Headline {
  const masters = peers.filter((peer) => roleNow(peer) === "MASTER");
  const names = [...(role === "MASTER" ? [node] : []), ...masters.map(({ name }) => name)];
  const [only, ...others] = names;
  if (only === undefined) return nobody({ node, role, peers });
  if (others.length > 0)
    return { text: `${names.join(" and ")} are MASTER at once: clients reach either of them.`, mark: "bad" };
  const serves = role === "MASTER" ? proxysql.serving : masters[0]?.report?.proxysql?.serving;
  const here = role === "MASTER" ? ", this node," : "";
  if (serves === undefined) return { text: `${only}${here} is active: it is MASTER.`, mark: "good" };
  return serves
    ? { text: `${only}${here} is active: it is MASTER and serves clients.`, mark: "good" }
    : { text: `${only}${here} is MASTER, but its ProxySQL does NOT serve clients.`, mark: "bad" };
}

function nobody({ node, role, peers }: Pick<Told, "node" | "role" | "peers">): Headline {
  if (role === "unknown")
    return { text: `Who is active is not known: ${node} cannot tell its own role.`, mark: "bad" };
  const silent = peers.filter((peer) => roleNow(peer) === undefined).map(({ name }) => name);
  if (silent.length === 0) return { text: "No node is active: clients are not served.", mark: "bad" };
  return {
    text: `Who is active is not known: ${node} is not, and ${silent.join(", ")} does not say.`,
    mark: "bad",
  };
}

/** The other one, as the active node sees it. */
function standby({ name, link, report }: PeerStatusView): Headline {
  if (link !== "up")
    return { text: `${name} cannot be asked: whether it could take over is not known.`, mark: "bad" };
  if (report === null)
    return { text: `${name} is up, but its agent does not answer: it is not ready.`, mark: "bad" };
  if (report.maintenance === true)
    return { text: `${name} is in maintenance: it does not take over.`, mark: "bad" };
  if (report.role === "MASTER") return { text: `${name} is MASTER as well.`, mark: "bad" };
  if (report.ready === undefined)
    return { text: `${name} stands by; it does not say whether it is ready.`, mark: "warn" };
  if (report.ready) return { text: `${name} stands by and is ready to take over.`, mark: "good" };
  const why =
    report.reasons === undefined || report.reasons.length === 0 ? "" : `: ${report.reasons.join(", ")}`;
  return { text: `${name} stands by but is NOT ready${why}.`, mark: "bad" };
}

/** This node, if it is not the active one. */
function own({ node, role, maintenance, reasons }: Told): Headline {
  if (maintenance !== null && !maintenance.forcePromotion)
    return { text: `${node}, this node, is in maintenance: it does not take over.`, mark: "warn" };
  if (role === "unknown")
    return { text: `${node}, this node, does nothing until it knows its role.`, mark: "bad" };
  if (role !== "BACKUP")
    return { text: `${node}, this node, is ${role}: it could not take over.`, mark: "bad" };
  return reasons.some(isCritical)
    ? { text: `${node}, this node, stands by, but a failover to it may not work.`, mark: "bad" }
    : { text: `${node}, this node, stands by and is ready to take over.`, mark: "good" };
}

function verdict({ reasons }: Told): Headline[] {
  const critical = reasons.filter(isCritical).length;
  const warnings = reasons.length - critical;
  if (reasons.length === 0) return [];
  const counts = [
    ...(critical === 0 ? [] : [`${critical} critical`]),
    ...(warnings === 0 ? [] : [`${warnings} ${warnings === 1 ? "warning" : "warnings"}`]),
  ];
  return [{ text: `Not all is well: ${counts.join(", ")}, see below.`, mark: critical > 0 ? "bad" : "warn" }];
}
