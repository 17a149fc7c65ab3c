import type { MysqlFacts, ServerFacts } from "../mysql/server-facts.js";
import { compareMariadb } from "./gtid/compare-mariadb.js";
import { compareMysql, formatMysqlRanges, type MysqlSide } from "./gtid/compare-mysql.js";
import type { Comparison, Doubt } from "./gtid/comparison.js";
import { mariadbCommand, mysqlCommand, type ReadFrom } from "./report-commands.js";
import type { FoundLogs, LogFile } from "./report-logs.js";

/**
 * `nothing-lost`: all that the fenced server has, the new one has too. `transactions-only-here`: it has some that the
 * new one has not. `unknown`: neither can be said; what is told of transactions then is what the numbers suggest.
 */
export type Verdict = "nothing-lost" | "transactions-only-here" | "unknown";

/** What is found of one fenced server, as the document has it. Numbers of transactions are text: they have 64 bits. */
export interface Finding {
  readonly verdict: Verdict;
  /** Why it is unknown; empty else. */
  readonly why: readonly string[];
  /** What to know besides: none of it changes the verdict. */
  readonly notes: readonly string[];
  /** How many transactions; null if that cannot be known. */
  readonly count: string | null;
  readonly ranges: readonly { readonly source: string; readonly from: string; readonly to: string }[];
  /** Their GTIDs, as far as the binary logs were read. */
  readonly gtids: readonly string[];
  readonly logs: readonly LogFile[];
  /** All of them stand in `logs`. */
  readonly complete: boolean;
  /** Prints them; null if no binary log holds any. */
  readonly command: string | null;
}

/** What the fenced server and the new one have said. */
export interface Sides {
  readonly old: ServerFacts;
  readonly next: ServerFacts;
  /** The old one's state, read after the new one's. */
  readonly stateAfter: string;
}

/** Compares the two. Errors: `mysql-answer` if what they say is no GTIDs. */
export function compareServers({ old, next, stateAfter }: Sides): Comparison {
  if (old.flavour === "mysql" && next.flavour === "mysql")
    return compareMysql(sideOfMysql(old), sideOfMysql(next), stateAfter);
  if (old.flavour === "mariadb" && next.flavour === "mariadb") return compareMariadb(old, next, stateAfter);
  const doubt: Doubt = {
    kind: "flavours-differ",
    sentence: `One is MariaDB and the other MySQL (${old.version}, ${next.version}): their GTIDs cannot be compared.`,
  };
  const matcher = { matches: () => false, reachesBack: () => true, mayHold: () => false };
  return { doubts: [doubt], extra: [], count: 0n, matcher };
}

function sideOfMysql({ serverUuid, ...facts }: MysqlFacts): MysqlSide {
  return { ...facts, uuid: serverUuid };
}

/** The finding of a comparison and of what the binary logs gave; `logs` is why they gave nothing, if so. */
export function findingOf(
  { old }: Sides,
  { doubts, extra, count }: Comparison,
  logs: FoundLogs | string,
  from: ReadFrom,
): Finding {
  const found = typeof logs === "string" ? nothingFound(logs) : logs;
  const complete = extra.length === 0 || isComplete(found, count);
  return {
    verdict: doubts.length > 0 ? "unknown" : extra.length > 0 ? "transactions-only-here" : "nothing-lost",
    why: doubts.map(({ sentence }) => sentence),
    notes: [...(extra.length === 0 ? [] : found.why), ...caveats(old)],
    count: countOf(extra, count, found, complete),
    ranges: extra.map(({ source, from: first, to }) => ({ source, from: String(first), to: String(to) })),
    gtids: found.gtids,
    logs: found.files,
    complete,
    command: commandOf(old, extra, found, from),
  };
}

/** MySQL's set says how many there must be. */
function isComplete(found: FoundLogs, count: bigint | undefined): boolean {
  return found.complete && (count === undefined || BigInt(found.transactions) === count);
}

function countOf(
  extra: Comparison["extra"],
  count: bigint | undefined,
  found: FoundLogs,
  complete: boolean,
): string | null {
  if (extra.length === 0) return "0";
  if (count !== undefined) return String(count);
  return complete ? String(found.transactions) : null;
}

function commandOf(
  old: ServerFacts,
  extra: Comparison["extra"],
  { files }: FoundLogs,
  from: ReadFrom,
): string | null {
  if (old.flavour === "mysql") return mysqlCommand(from, { files, gtids: formatMysqlRanges(extra) });
  return mariadbCommand(from, { files, sources: extra.map(({ source }) => source) });
}

function caveats(old: ServerFacts): string[] {
  const notes: string[] = [];
  if (old.logBin && old.syncBinlog !== "1")
    notes.push(
      `sync_binlog is ${old.syncBinlog} on the old server: if its host crashed, not its mysqld alone, it may have data that stands in no binary log.`,
    );
  if (!old.readOnly)
    notes.push("read_only is off on the old server: it may take writes that come after this report.");
  return notes;
}

function nothingFound(why: string): FoundLogs {
  return { files: [], gtids: [], transactions: 0, complete: false, why: [why] };
}

/** A finding for a server of which nothing could be learned. */
export function unknownFinding(why: string): Finding {
  return {
    verdict: "unknown",
    why: [why],
    notes: [],
    count: null,
    ranges: [],
    gtids: [],
    logs: [],
    complete: false,
    command: null,
  };
}
