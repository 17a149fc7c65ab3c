import { appendFileSync } from "node:fs";
import { placeOf, type ServerRow, statusOf } from "./hostgroups.js";

/** Why the servers in effect changed. */
export type Cause = "load" | "monitor" | "stop";

let lastServers = "[]";

/**
 * Appends a statement of an admin session to the file that PROXYSQL_STANDIN_STATEMENTS names, when it arrives: a line
 * of JSON with `time` (milliseconds since 1970), `session` and `text`.
 */
export function traceStatement(session: number, text: string): void {
  append(process.env.PROXYSQL_STANDIN_STATEMENTS, { time: Date.now(), session, text });
}

/**
 * Appends the servers in effect to the file that PROXYSQL_STANDIN_SERVERS names, when they differ from what was there
 * before: a line of JSON with `time` (milliseconds since 1970), `cause` and `rows`. It is there before whoever caused
 * the change gets an answer.
 */
export function traceServers(cause: Cause, servers: readonly ServerRow[]): void {
  const rows = servers.map((row) => ({ ...placeOf(row), status: statusOf(row) }));
  const text = JSON.stringify(rows);
  if (text === lastServers) return;
  lastServers = text;
  append(process.env.PROXYSQL_STANDIN_SERVERS, { time: Date.now(), cause, rows });
}

function append(file: string | undefined, line: object): void {
  if (file !== undefined) appendFileSync(file, `${JSON.stringify(line)}\n`);
}
