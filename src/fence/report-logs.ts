import type { GtidMatcher } from "./gtid/comparison.js";

/** A server's binary logs, as far as looking into them takes. */
export interface LogSource {
  /** Oldest first. */
  list(): Promise<readonly { readonly name: string; readonly size: number }[]>;
  /** The GTIDs logged before a file; undefined if it does not tell. */
  head(name: string): Promise<string | undefined>;
  /** Its transactions in order. Asks `mayGoOn` before so many events more, and ends when it may not. */
  transactions(
    name: string,
    mayGoOn: (events: number) => boolean,
  ): AsyncIterable<{ readonly gtid: string; readonly begin: number; readonly end: number }>;
}

/** Where something stands in a file, in bytes. */
export interface LoggedAt {
  readonly gtid: string;
  readonly position: number;
  readonly end: number;
}

/** A binary log that holds some of what is looked for. */
export interface LogFile {
  readonly name: string;
  readonly size: number;
  /** Null if none was seen in what was read of it. */
  readonly first: LoggedAt | null;
  readonly last: LoggedAt | null;
  /** How many of them were seen in it. */
  readonly transactions: number;
  /** Transactions that are not looked for, between the first and the last of all that are. */
  readonly others: number;
  /** It was read to its end. */
  readonly scanned: boolean;
}

/** What was found. */
export interface FoundLogs {
  /** Oldest first. */
  readonly files: readonly LogFile[];
  /** Every one that was seen, in the order of the logs, up to a limit. */
  readonly gtids: readonly string[];
  readonly transactions: number;
  /** All of them were found; else `why` tells what stood in the way. */
  readonly complete: boolean;
  readonly why: readonly string[];
}

/** How much is read at most. Times are milliseconds. */
export interface LogLimits {
  readonly ms: number;
  readonly events: number;
  readonly files: number;
  /** GTIDs kept by name; all are counted. */
  readonly listed: number;
}

export const usualLimits: LogLimits = { ms: 30_000, events: 500_000, files: 200, listed: 1_000 };

/**
 * Which binary logs hold the transactions that a matcher looks for, from the newest back to the one before which there
 * are none. The first events of a file tell whether it is worth reading. Bounded by `limits`; what was not read is said.
 */
export async function findInLogs(
  source: LogSource,
  matcher: GtidMatcher,
  now: () => number,
  limits: LogLimits = usualLimits,
): Promise<FoundLogs> {
  const end = now() + limits.ms;
  const all = await source.list();
  const why: string[] = [];
  const found: (LogFile & { readonly gtids: readonly string[] })[] = [];
  let eventsLeft = limits.events;
  let filesLeft = limits.files;
  let isSpent = false;
  const mayGoOn = (events: number): boolean => {
    if (eventsLeft <= 0 || now() >= end) isSpent = true;
    eventsLeft -= events;
    return !isSpent;
  };

  let endState: string | null = null;
  let hasReached = false;
  for (const { name, size } of [...all].reverse()) {
    if (filesLeft <= 0 || now() >= end) isSpent = true;
    if (isSpent) break;
    filesLeft -= 1;
    const head = await source.head(name);
    if (head === undefined) why.push(`${name} does not tell what was logged before it.`);
    if (head === undefined || matcher.mayHold(head, endState)) {
      const file = await scan(source, { name, size }, matcher, mayGoOn, limits.listed, () => isSpent);
      if (file.transactions > 0 || !file.scanned) found.unshift(file);
    }
    endState = head ?? null;
    hasReached = head !== undefined && matcher.reachesBack(head);
    if (hasReached) break;
  }

  if (isSpent)
    why.push(
      `Reading was given up after ${limits.ms / 1_000} s, ${limits.events} events or ${limits.files} files: there may be more.`,
    );
  else if (!hasReached)
    why.push(
      "Binary logs that held some of them are purged: those transactions can be read nowhere any more, and which they were cannot be known.",
    );
  const files = withOthers(found);
  return {
    files,
    gtids: found.flatMap(({ gtids }) => gtids).slice(0, limits.listed),
    transactions: files.reduce((sum, { transactions }) => sum + transactions, 0),
    complete: hasReached && !isSpent && why.length === 0,
    why,
  };
}

interface Scanned extends LogFile {
  readonly gtids: readonly string[];
  /** Others before the first and after the last of those looked for. */
  readonly before: number;
  readonly after: number;
}

async function scan(
  source: LogSource,
  { name, size }: { readonly name: string; readonly size: number },
  matcher: GtidMatcher,
  mayGoOn: (events: number) => boolean,
  listed: number,
  isSpent: () => boolean,
): Promise<Scanned> {
  let [first, last]: [LoggedAt | null, LoggedAt | null] = [null, null];
  let [transactions, before, between, after] = [0, 0, 0, 0];
  const gtids: string[] = [];
  for await (const { gtid, begin, end } of source.transactions(name, mayGoOn)) {
    if (!matcher.matches(gtid)) {
      if (first === null) before += 1;
      else after += 1;
      continue;
    }
    last = { gtid, position: begin, end };
    first ??= last;
    between += after;
    after = 0;
    transactions += 1;
    if (gtids.length < listed) gtids.push(gtid);
  }
  return {
    name,
    size,
    first,
    last,
    transactions,
    others: between,
    before,
    after,
    gtids,
    scanned: !isSpent(),
  };
}

/** A command reads from the first file's first to the last file's last: what lies between files counts as between. */
function withOthers(found: readonly LogFile[]): LogFile[] {
  const scanned = found as readonly Scanned[];
  return scanned.map(({ before, after, gtids: _, ...file }, index) => {
    const head = index === 0 ? 0 : before;
    const tail = index === scanned.length - 1 ? 0 : after;
    return { ...file, others: file.others + head + tail };
  });
}
