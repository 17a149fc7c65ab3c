import { KnownError } from "../../platform/errors.js";
import { contains, count, type Interval, intersect, normalize, subtract } from "./intervals.js";

/**
 * A GTID set of MySQL: for each source (`uuid`, or `uuid:tag` from MySQL 8.3 on) the transactions of it, in order of
 * the name. No source has an empty list.
 */
export type MysqlGtidSet = ReadonlyMap<string, readonly Interval[]>;

const uuidForm = /^[0-9a-f]{8}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{12}$/i;
const tagForm = /^[a-z_][a-z0-9_]{0,31}$/i;
const intervalForm = /^([1-9]\d{0,18})(?:-(\d{1,19}))?$/;

/**
 * Reads what `gtid_executed`, `gtid_purged` and Previous_gtids events say: `uuid:1-5:7:tag:1-3, uuid:9`. A tag counts
 * for all intervals that follow it up to the next tag or uuid. Line ends and blanks do not count, an empty text is the
 * empty set, and an interval of which the second number is the lower is empty.
 * Errors: `mysql-answer` for anything else. Source: MySQL manual, "GTID Sets".
 */
export function parseMysqlGtidSet(text: string): MysqlGtidSet {
  const all = new Map<string, Interval[]>();
  for (const part of text.replaceAll(/\s/g, "").split(",")) {
    if (part === "") continue;
    const [uuid = "", ...pieces] = part.split(":");
    if (!uuidForm.test(uuid) || pieces.length === 0) throw notGtids(text);
    const source = withDashes(uuid.toLowerCase());
    let name = source;
    for (const [index, piece] of pieces.entries()) {
      const numbers = intervalForm.exec(piece);
      if (numbers) {
        const from = BigInt(numbers[1] as string);
        const to = numbers[2] === undefined ? from : BigInt(numbers[2]);
        all.set(name, [...(all.get(name) ?? []), { from, to }]);
        continue;
      }
      // A tag that nothing follows names no transaction.
      if (!tagForm.test(piece) || index === pieces.length - 1) throw notGtids(text);
      name = `${source}:${piece.toLowerCase()}`;
    }
  }
  return gather([...all].map(([name, intervals]) => [name, normalize(intervals)]));
}

/** The set as MySQL reads it: `uuid:1-5:7,uuid:tag:1-3`. */
export function formatMysqlGtidSet(set: MysqlGtidSet): string {
  return [...set].map(([name, intervals]) => [name, ...intervals.map(formatInterval)].join(":")).join(",");
}

/** What is in `a` and not in `b`. */
export function subtractMysqlGtids(a: MysqlGtidSet, b: MysqlGtidSet): MysqlGtidSet {
  return gather([...a].map(([name, intervals]) => [name, subtract(intervals, b.get(name) ?? [])]));
}

/** What is in both. */
export function intersectMysqlGtids(a: MysqlGtidSet, b: MysqlGtidSet): MysqlGtidSet {
  return gather([...a].map(([name, intervals]) => [name, intersect(intervals, b.get(name) ?? [])]));
}

/** The part that one server gave, with and without tags. */
export function mysqlGtidsOf(set: MysqlGtidSet, uuid: string): MysqlGtidSet {
  const wanted = uuid.toLowerCase();
  return gather([...set].filter(([name]) => name === wanted || name.startsWith(`${wanted}:`)));
}

/** How many transactions are in it. */
export function countMysqlGtids(set: MysqlGtidSet): bigint {
  return [...set.values()].reduce((sum, intervals) => sum + count(intervals), 0n);
}

/** Whether all of the second set is in the first. */
export function includesMysqlGtids(set: MysqlGtidSet, other: MysqlGtidSet): boolean {
  return [...other].every(([name, intervals]) =>
    intervals.every(({ from, to }) => {
      const own = set.get(name) ?? [];
      return from === to ? contains(own, from) : subtract([{ from, to }], own).length === 0;
    }),
  );
}

function gather(entries: readonly (readonly [string, readonly Interval[]])[]): MysqlGtidSet {
  return new Map(
    entries.filter(([, intervals]) => intervals.length > 0).sort(([a], [b]) => (a < b ? -1 : 1)),
  );
}

function formatInterval({ from, to }: Interval): string {
  return from === to ? String(from) : `${from}-${to}`;
}

/** MySQL reads a UUID without dashes too; it writes them. */
function withDashes(uuid: string): string {
  const hex = uuid.replaceAll("-", "");
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join("-");
}

function notGtids(text: string): KnownError {
  return new KnownError("mysql-answer", `Not a GTID set of MySQL: "${text.slice(0, 80)}".`);
}
