import type { ServerReport } from "../fence/report-servers.js";
import { printable } from "../platform/printable.js";
import { type Colours, noColours } from "./colour.js";
import { wrap, wrapAfter } from "./wrap.js";

/** The document of `fence report --json`. Described in docs/json.md; fields are only ever added. */
export interface FenceReportDocument {
  readonly schema: "proxysql-carp/fence-report/v1";
  readonly at: string;
  readonly servers: readonly ReportedServer[];
}

/** One server, and what it was compared with. */
export interface ReportedServer extends ServerReport {
  /** `host:port` */
  readonly server: string;
  readonly against: string | null;
  /** Why and since when it is fenced; null if the agent was not asked. */
  readonly fence: { readonly kind: string; readonly detail: string | null; readonly since: string } | null;
}

/** GTIDs and ranges that people get to see; the document has more. */
const mostShown = 20;

/** `db1:3306`, `[2001:db8::1]:3306` */
export function placeText({ host, port }: { readonly host: string; readonly port: number }): string {
  return host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;
}

/** A block for each server: the verdict, why, which transactions, where they stand, and the command to read them. */
export function formatFenceReport({ servers }: FenceReportDocument, colours: Colours = noColours): string {
  if (servers.length === 0) return `${colours.good("No server is fenced.")}\n`;
  return `${servers.map((server) => blockOf(server, colours).join("\n")).join("\n\n")}\n`;
}

function blockOf(server: ReportedServer, colours: Colours): string[] {
  const { why, notes, fence } = server;
  return [
    ...verdictOf(server, colours),
    ...(fence === null
      ? []
      : wrapAfter(
          "  Fenced: ",
          `since ${fence.since}, ${[fence.kind, fence.detail].filter((one) => one !== null).join(": ")}`,
        )),
    ...why.flatMap((sentence) => wrapAfter("  Why: ", sentence)),
    ...transactionsOf(server),
    ...logsOf(server),
    ...notes.flatMap((note) => wrapAfter("  Note: ", note)),
    ...commandOf(server),
  ];
}

function verdictOf(report: ReportedServer, { good, warn, bad }: Colours): string[] {
  const { server, against, verdict, count, unreachable } = report;
  const than = against ?? "the new primary";
  if (verdict === "nothing-lost")
    return wrap(`${server}: nothing is lost: ${than} has all that it has.`, 79).map(good);
  if (verdict === "transactions-only-here") {
    const many = count === null ? "transactions" : count === "1" ? "1 transaction" : `${count} transactions`;
    return wrap(`${server} has ${many} that ${than} has not.`, 79).map(bad);
  }
  const what = unreachable === null ? "it cannot be known" : "not reachable, so it cannot be known";
  return wrap(`${server}: ${what} whether it has transactions that ${than} has not.`, 79).map(warn);
}

function transactionsOf({ ranges, gtids, verdict }: ReportedServer): string[] {
  if (ranges.length === 0) return [];
  const label = verdict === "unknown" ? "  If the numbers can be trusted: " : "  Transactions: ";
  const texts =
    gtids.length > 0 && gtids.length <= mostShown
      ? gtids
      : ranges.map(({ source, from, to }) =>
          from === to ? `${source} ${from}` : `${source} ${from} to ${to}`,
        );
  const more = texts.length > mostShown ? ` and ${texts.length - mostShown} more (--json has all)` : "";
  return wrapAfter(label, `${texts.slice(0, mostShown).join(", ")}${more}`);
}

function logsOf({ logs }: ReportedServer): string[] {
  return logs.flatMap(({ name, first, last, transactions, scanned }) => {
    const where =
      first === null || last === null
        ? "not read"
        : `${transactions} of them, from byte ${first.position} to byte ${last.end}`;
    return wrapAfter("  Binary log: ", `${name}: ${where}${scanned ? "" : "; not read to its end"}`);
  });
}

/** Not wrapped: it is to be copied as one line. */
function commandOf({ command, complete }: ReportedServer): string[] {
  if (command === null) return [];
  return [complete ? "  To read them:" : "  To read what is left of them:", `    ${printable(command)}`];
}
