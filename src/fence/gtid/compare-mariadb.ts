import type { Comparison, Doubt, DoubtKind, GtidMatcher } from "./comparison.js";
import {
  formatMariadbGtid,
  greatest,
  lesser,
  type MariadbGtid,
  MariadbState,
  parseMariadbGtids,
} from "./mariadb-state.js";

/** What a MariaDB says of itself, as far as comparing takes. */
export interface MariadbSide {
  readonly serverId: number;
  readonly logBin: boolean;
  /** `gtid_strict_mode` */
  readonly strict: boolean;
  /** `gtid_binlog_state`: the last number that each server gave in each domain, of those logged here. */
  readonly binlogState: string;
  /** `gtid_binlog_pos`: what was logged last in each domain. */
  readonly binlogPos: string;
  /** `gtid_slave_pos`: what was replicated last in each domain, logged here or not. */
  readonly slavePos: string;
}

/** Numbers of one server in one domain: above `after`, up to `to`. */
interface Span {
  readonly domain: number;
  readonly server: number;
  readonly after: bigint;
  readonly to: bigint;
}

/** What both know, and who they are. */
interface Known {
  readonly mine: MariadbState;
  readonly theirs: MariadbState;
  readonly oldId: number;
  readonly nextId: number;
}

/**
 * What the old server has logged and the new one has not. MariaDB keeps no sets: only the last number that each server
 * gave in each domain (gtid_binlog_state), and what was replicated last (gtid_slave_pos, one entry a domain). So a
 * comparison rests on the order: a server's numbers in a domain only rise, and whoever has one has all before it. Both
 * hold as long as gtid_strict_mode was on. Where they may not, the ranges are told all the same, with the doubt.
 * What no number tells: a server that an operator pointed past transactions (by setting gtid_slave_pos) lacks them.
 * `stateAfter`: the old one's gtid_binlog_state read once more, after the new one's.
 */
export function compareMariadb(
  old: MariadbSide,
  next: MariadbSide,
  stateAfter = old.binlogState,
): Comparison {
  const mine = new MariadbState(parseMariadbGtids(old.binlogState));
  const theirs = new MariadbState(parseMariadbGtids(next.binlogState), parseMariadbGtids(next.slavePos));
  const known: Known = { mine, theirs, oldId: old.serverId, nextId: next.serverId };
  const found = mine.entries().map((entry) => missing(entry, known));
  const spans = found.flatMap(({ span }) => (span === undefined ? [] : [span]));
  return {
    doubts: [
      ...setting(old, next),
      ...history(old, mine, theirs, new MariadbState(parseMariadbGtids(stateAfter))),
      ...[["old", old] as const, ["new", next] as const].flatMap(([name, side]) => order(name, side)),
      ...found.flatMap(({ doubt }) => (doubt === undefined ? [] : [doubt])),
    ],
    extra: spans.map(({ domain, server, after, to }) => {
      return { source: `${domain}-${server}`, from: after + 1n, to };
    }),
    count: undefined,
    matcher: mariadbMatcher(spans),
  };
}

/** What the new server lacks of what one server has given in one domain, and whether that can be known. */
function missing(
  { domain, server, sequence: to }: MariadbGtid,
  { mine, theirs, oldId, nextId }: Known,
): { readonly span?: Span; readonly doubt?: Doubt } {
  const known = theirs.get(domain, server);
  if (known !== undefined) return to > known ? { span: { domain, server, after: known, to } } : {};

  const others = [...theirs.servers(domain)].filter(([id]) => id !== nextId);
  const shared = [...mine.servers(domain).keys()].some((id) => theirs.get(domain, id) !== undefined);
  if (!shared)
    return {
      span: { domain, server, after: 0n, to },
      doubt: {
        kind: "domain-unknown",
        sentence: `The new server has nothing of what the old one has in GTID domain ${domain}: whether it never got it, leaves it out or was reset is not to be seen.`,
      },
    };
  // The new one may have had something of this server and not know: if it was seeded from a backup, or logs no replicated
  // events, its memory begins with what it replicated last. Of what came later it would know.
  const common = others.flatMap(([id, number]) => {
    const own = mine.get(domain, id);
    return own === undefined ? [] : [{ id, number: lesser(own, number) }];
  });
  const memory = greatest(common.map(({ number }) => number)) ?? 0n;
  // Whoever has what the old one itself wrote has all that it had logged before.
  const written = common.find(({ id }) => id === oldId)?.number ?? -1n;
  if (to <= written) return {};
  const isPassed = others.some(([id, number]) => number > to && number > (mine.get(domain, id) ?? -1n));
  if (to > memory && !isPassed) return { span: { domain, server, after: memory, to } };
  return {
    span: { domain, server, after: written > 0n ? written : 0n, to },
    doubt: {
      kind: "server-unknown",
      sentence: `The new server knows of no transaction of server ${server} in GTID domain ${domain}, and of later ones of others: whether it had those up to ${domain}-${server}-${to} before its own log began, or never got them, is not to be seen.`,
    },
  };
}

function setting(old: MariadbSide, next: MariadbSide): Doubt[] {
  const doubts: Doubt[] = [];
  const tell = (kind: DoubtKind, sentence: string): void => void doubts.push({ kind, sentence });
  if (old.serverId === next.serverId)
    tell(
      "same-server-id",
      `Both have server_id ${old.serverId}: it is one server, or the same GTID may stand for different transactions.`,
    );
  if (!old.logBin)
    tell("no-binary-log", "log_bin is off on the old server: what was written there was not logged.");
  for (const [name, side] of [["old", old] as const, ["new", next] as const]) {
    if (!side.strict)
      tell(
        "not-strict",
        `gtid_strict_mode is off on the ${name} server: numbers may have come out of order, so the last one of each server does not tell what came before it.`,
      );
  }
  return doubts;
}

function history(old: MariadbSide, mine: MariadbState, theirs: MariadbState, later: MariadbState): Doubt[] {
  if (!old.logBin) return [];
  if (mine.domains().length === 0)
    return [
      {
        kind: "no-history",
        sentence:
          "gtid_binlog_state is empty on the old server: nothing was ever logged there, or its binary logs were reset.",
      },
    ];
  return theirs.domains().flatMap((domain): Doubt[] => {
    const had = theirs.get(domain, old.serverId);
    if (had === undefined || had <= (later.get(domain, old.serverId) ?? -1n)) return [];
    const gtid = formatMariadbGtid({ domain, server: old.serverId, sequence: had });
    return [
      {
        kind: "tail-lost",
        sentence: `The new server has ${gtid}, which the old one gave and does not know of any more: it lost it in its crash or was reset, and what it wrote since may bear the same GTIDs.`,
      },
    ];
  });
}

/** In order, the last one logged in a domain has the greatest number of all. */
function order(name: string, { binlogState, binlogPos }: MariadbSide): Doubt[] {
  const state = new MariadbState(parseMariadbGtids(binlogState));
  return parseMariadbGtids(binlogPos).flatMap(({ domain, sequence }): Doubt[] => {
    const highest = state.highest(domain);
    if (highest === undefined || highest <= sequence) return [];
    return [
      {
        kind: "order-broken",
        sentence: `Numbers came out of order on the ${name} server in GTID domain ${domain}: ${sequence} was logged after ${highest}.`,
      },
    ];
  });
}

/** Finds the transactions of some spans in binary logs. */
function mariadbMatcher(spans: readonly Span[]): GtidMatcher {
  return {
    matches: (gtid) =>
      parseMariadbGtids(gtid).some((one) =>
        spans.some(
          ({ domain, server, after, to }) =>
            one.domain === domain && one.server === server && one.sequence > after && one.sequence <= to,
        ),
      ),
    reachesBack: (head) => {
      const state = new MariadbState(parseMariadbGtids(head));
      return spans.every(({ domain, server, after }) => (state.get(domain, server) ?? 0n) <= after);
    },
    mayHold: (head, end) => {
      if (end === null) return true;
      const [from, until] = [head, end].map((text) => new MariadbState(parseMariadbGtids(text)));
      return spans.some(({ domain, server, after, to }) => {
        const first = from?.get(domain, server) ?? 0n;
        const last = until?.get(domain, server) ?? 0n;
        return (first > after ? first : after) < lesser(last, to);
      });
    },
  };
}
