import type { Comparison, Doubt, DoubtKind, GtidMatcher } from "./comparison.js";
import {
  countMysqlGtids,
  formatMysqlGtidSet,
  includesMysqlGtids,
  intersectMysqlGtids,
  type MysqlGtidSet,
  mysqlGtidsOf,
  parseMysqlGtidSet,
  subtractMysqlGtids,
} from "./mysql-set.js";

/** What a MySQL says of itself, as far as comparing takes. */
export interface MysqlSide {
  readonly uuid: string;
  readonly logBin: boolean;
  /** `ON`, `OFF`, `ON_PERMISSIVE`, `OFF_PERMISSIVE`. */
  readonly gtidMode: string;
  readonly executed: string;
}

/**
 * What the old server has executed and the new one has not. A GTID set names every transaction, so the subtraction is
 * exact; it proves nothing where transactions have no GTID or where one GTID stands for two transactions.
 * `executedAfter`: the old one's set read once more, after the new one's: what a source still gives is on both then.
 */
export function compareMysql(old: MysqlSide, next: MysqlSide, executedAfter = old.executed): Comparison {
  const [mine, theirs] = [parseMysqlGtidSet(old.executed), parseMysqlGtidSet(next.executed)];
  const extra = subtractMysqlGtids(mine, theirs);
  return {
    doubts: [...setting(old, next), ...history(old, mine, theirs, parseMysqlGtidSet(executedAfter))],
    extra: [...extra].flatMap(([source, intervals]) =>
      intervals.map(({ from, to }) => ({ source, from, to })),
    ),
    count: countMysqlGtids(extra),
    matcher: mysqlMatcher(extra),
  };
}

function setting(old: MysqlSide, next: MysqlSide): Doubt[] {
  const doubts: Doubt[] = [];
  const tell = (kind: DoubtKind, sentence: string): void => void doubts.push({ kind, sentence });
  if (old.uuid !== "" && old.uuid.toLowerCase() === next.uuid.toLowerCase())
    tell(
      "same-server",
      `Both have the server_uuid ${old.uuid}: it is one server, or one is a copy of the other, and the same GTID may stand for different transactions.`,
    );
  if (!old.logBin)
    tell("no-binary-log", "log_bin is off on the old server: what clients wrote there was not logged.");
  for (const [name, side] of [["old", old] as const, ["new", next] as const]) {
    if (side.gtidMode !== "ON")
      tell(
        "no-gtid",
        `gtid_mode is ${side.gtidMode} on the ${name} server: transactions without a GTID cannot be compared.`,
      );
  }
  return doubts;
}

function history(old: MysqlSide, mine: MysqlGtidSet, theirs: MysqlGtidSet, later: MysqlGtidSet): Doubt[] {
  if (mine.size === 0)
    return [
      {
        kind: "no-history",
        sentence:
          "gtid_executed is empty on the old server: it never ran with GTIDs, or its binary logs were reset.",
      },
    ];
  if (intersectMysqlGtids(mine, theirs).size === 0)
    return [
      {
        kind: "no-common-history",
        sentence:
          "The two servers have not one transaction in common: the new one was never a replica of the old one, or one of them was reset.",
      },
    ];
  const lost = subtractMysqlGtids(mysqlGtidsOf(theirs, old.uuid), later);
  if (lost.size === 0) return [];
  return [
    {
      kind: "tail-lost",
      sentence: `The new server has ${countMysqlGtids(lost)} transactions that the old one gave and does not know of any more: it lost them in its crash or was reset, and what it wrote since may bear the same GTIDs.`,
    },
  ];
}

/** Finds the transactions of a set in binary logs. */
function mysqlMatcher(extra: MysqlGtidSet): GtidMatcher {
  const has = (set: MysqlGtidSet): boolean => intersectMysqlGtids(extra, set).size > 0;
  return {
    matches: (gtid) => includesMysqlGtids(extra, parseMysqlGtidSet(gtid)),
    reachesBack: (head) => !has(parseMysqlGtidSet(head)),
    mayHold: (head, end) =>
      end === null || has(subtractMysqlGtids(parseMysqlGtidSet(end), parseMysqlGtidSet(head))),
  };
}

/** The ranges as the argument of mysqlbinlog's --include-gtids. */
export function formatMysqlRanges(extra: Comparison["extra"]): string {
  const set = new Map<string, { from: bigint; to: bigint }[]>();
  for (const { source, from, to } of extra) set.set(source, [...(set.get(source) ?? []), { from, to }]);
  return formatMysqlGtidSet(set);
}
