import { listBinaryLogs, readHead, readTransactions } from "../mysql/binary-logs.js";
import { readServerFacts, readState } from "../mysql/server-facts.js";
import { MysqlSession } from "../mysql/session.js";
import { monotonic } from "../platform/clock.js";
import { isKnown } from "../platform/errors.js";
import type { Comparison } from "./gtid/comparison.js";
import { compareServers, type Finding, findingOf, type Sides, unknownFinding } from "./report.js";
import { type FoundLogs, findInLogs, type LogSource } from "./report-logs.js";

/** Where a server is. */
export interface ServerPlace {
  readonly host: string;
  readonly port: number;
}

/** A login that may read both servers. */
export interface ReadLogin {
  readonly user: string;
  readonly password: string;
}

/** What came of asking the two servers. */
export interface ServerReport extends Finding {
  /** Which of the two did not answer, in a sentence; null if both did. */
  readonly unreachable: string | null;
  readonly version: string | null;
  readonly againstVersion: string | null;
}

/**
 * Asks a fenced server and its successor, and tells what the first has that the second has not. Writes nothing. Takes at
 * most some 15 s for each server and 30 s for the binary logs. What the servers refuse makes the finding `unknown`.
 */
export async function reportServer(
  server: ServerPlace,
  against: ServerPlace,
  login: ReadLogin,
): Promise<ServerReport> {
  const sessions: MysqlSession[] = [];
  const open = async (place: ServerPlace): Promise<MysqlSession> => {
    const session = await MysqlSession.open({ ...place, ...login });
    sessions.push(session);
    return session;
  };
  try {
    return await report(await open(server), await open(against), { ...server, user: login.user });
  } catch (error) {
    if (!isKnown(error)) throw error;
    const unreachable = error.code === "mysql-unreachable" ? error.message : null;
    const finding = unknownFinding(error.hint === "" ? error.message : `${error.message} ${error.hint}`);
    return { ...finding, unreachable, version: null, againstVersion: null };
  } finally {
    for (const session of sessions) session.end();
  }
}

async function report(
  oldSession: MysqlSession,
  nextSession: MysqlSession,
  from: ServerPlace & { readonly user: string },
): Promise<ServerReport> {
  // In this order: what reaches the new one in between counts as there. Then once more the old one: see `tail-lost`.
  const old = await readServerFacts(oldSession);
  const next = await readServerFacts(nextSession);
  const sides: Sides = { old, next, stateAfter: await readState(oldSession, old) };
  const comparison = compareServers(sides);
  const logs = await lookIntoLogs(oldSession, old.logBin, comparison);
  const finding = findingOf(sides, comparison, logs, from);
  return { ...finding, unreachable: null, version: old.version, againstVersion: next.version };
}

/** A user who may not read the binary logs still learns whether something is lost. */
async function lookIntoLogs(
  session: MysqlSession,
  logBin: boolean,
  { extra, matcher }: Comparison,
): Promise<FoundLogs | string> {
  if (!logBin) return "The old server has no binary logs.";
  if (extra.length === 0) return "There is nothing to look for in the binary logs.";
  try {
    return await findInLogs(sourceOf(session), matcher, monotonic);
  } catch (error) {
    if (!isKnown(error)) throw error;
    return `The binary logs could not be looked into: ${error.message} ${error.hint}`.trim();
  }
}

function sourceOf(session: MysqlSession): LogSource {
  return {
    list: () => listBinaryLogs(session),
    head: (name) => readHead(session, name),
    transactions: (name, mayGoOn) => readTransactions(session, name, mayGoOn),
  };
}
