import type { StatusDocument } from "../agent/status.js";
import type { Reason, ReasonGroup } from "../health/reason.js";
import { inOrder, isCritical } from "../http/reasons-document.js";
import type { StatusView } from "../http/sources.js";
import { printable } from "../platform/printable.js";

/** The Monitoring Plugins' states with their exit codes (monitoring-plugins.org/doc/guidelines.html). */
export const exitCodes = { OK: 0, WARNING: 1, CRITICAL: 2, UNKNOWN: 3 } as const;
export type CheckState = keyof typeof exitCodes;

/** The part of the status that the line is made of. */
export type CheckedStatus = StatusView & Pick<StatusDocument, "reasons" | "care" | "alive">;

/** More would be cut off by transports such as NRPE, which carry 1 KiB. */
const textLimit = 600;

/** The plugin's line of a status, of one group's reasons alone if named: state, what is there, performance data. */
export function checkLine(
  status: CheckedStatus,
  group: ReasonGroup | undefined,
): { state: CheckState; line: string } {
  // Reasons that nobody looks at any more tell nothing.
  if (!status.alive.ok)
    return { state: "UNKNOWN", line: unknownLine(status.alive.why ?? "The agent hangs.") };
  const reasons = inOrder(status.reasons.filter((reason) => group === undefined || reason.group === group));
  const state = reasons.some(isCritical) ? "CRITICAL" : reasons.length > 0 ? "WARNING" : "OK";
  const about = group === undefined ? "" : `${group}: `;
  const text = reasons.length > 0 ? describeReasons(reasons) : describe(status);
  return { state, line: lineOf(state, `${about}${text}`, performance(status, reasons)) };
}

/** The line when nothing can be told of the node. */
export function unknownLine(why: string): string {
  return lineOf("UNKNOWN", why.trim().split("\n")[0] ?? "");
}

/** A `|` would begin the performance data, a line end a second line. */
function lineOf(state: CheckState, text: string, data = ""): string {
  const clean = printable(text).replaceAll("|", "/");
  const short = clean.length > textLimit ? `${clean.slice(0, textLimit - 3)}...` : clean;
  return `PROXYSQL-CARP ${state} - ${short}${data === "" ? "" : ` | ${data}`}\n`;
}

function describeReasons([first, ...others]: readonly Reason[]): string {
  if (first === undefined) return "";
  const rest = others.length === 0 ? "" : ` Also: ${others.map(nameOf).join(", ")}.`;
  return `${nameOf(first)}: ${first.sentence} ${first.todo}${rest}`;
}

function nameOf({ code, about }: Reason): string {
  return about === null ? code : `${code} (${about})`;
}

function describe({ role, standby, running, proxysql, peers, maintenance }: CheckedStatus): string {
  const what = running?.text ?? "nothing of the pair yet";
  const state = proxysql.serving ? `serving ${what}` : `${standby} standby, holds ${what}`;
  const told = peers.map(({ name, best, report }) => {
    if (role !== "MASTER") return `peer ${name} is ${report?.role ?? "silent"}`;
    return `peer ${name} ${running !== null && best?.text === running.text ? "has it" : "lacks it"}`;
  });
  return [role, state, ...(maintenance === null ? [] : ["maintenance on"]), ...told].join(", ");
}

/** `label=value[unit];[warning];[critical];[least];[most]`. What is not known is left out. */
function performance(status: CheckedStatus, reasons: readonly Reason[]): string {
  const { lastTaken, lastReceived, peers, drill, care } = status;
  const ages = [lastTaken, lastReceived].filter((dated) => dated !== null).map(({ ageMs }) => ageMs);
  const critical = reasons.filter(isCritical).length;
  const data = [
    ...(ages.length === 0 ? [] : [`snapshot_age=${seconds(Math.min(...ages))};;;0`]),
    `reasons=${reasons.length};;;0`,
    `critical=${critical};;;0`,
    `warnings=${reasons.length - critical};;;0`,
    `peers_up=${peers.filter(({ link }) => link === "up").length};;;0;${peers.length}`,
    ...(care.total === null ? [] : [`demotion=${care.total}`]),
    ...(drill === null ? [] : [`drill_time=${seconds(drill.ms)};;;0`]),
  ];
  return data.join(" ");
}

function seconds(ms: number): string {
  return `${(Math.max(0, ms) / 1_000).toFixed(3)}s`;
}
