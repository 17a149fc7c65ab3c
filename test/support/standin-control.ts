import { existsSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { MonitoredServer } from "./proxysql-standin/monitor-file.js";

/** Servers in effect of a ProxySQL stand-in, from `time` (milliseconds since 1970) on. */
export interface ServerChange {
  time: number;
  cause: "load" | "monitor" | "stop";
  rows: ServerState[];
}

/** A row of runtime_mysql_servers. */
export interface ServerState {
  hostgroup: number;
  host: string;
  port: number;
  status: string;
}

/** A statement that came to the stand-in's admin. */
export interface AdminStatement {
  time: number;
  session: number;
  text: string;
}

/** Says what the stand-in's monitor finds, by `host:port`; at its next look, all in one. */
export function setMonitored(datadir: string, servers: Record<string, MonitoredServer>): void {
  const file = join(datadir, "monitor.json");
  writeFileSync(`${file}.new`, JSON.stringify(servers));
  renameSync(`${file}.new`, file);
}

/** Reads the file that PROXYSQL_STANDIN_SERVERS names. */
export function serverChanges(file: string): ServerChange[] {
  return linesOf<ServerChange>(file);
}

/** Reads the file that PROXYSQL_STANDIN_STATEMENTS names. */
export function adminStatements(file: string): AdminStatement[] {
  return linesOf<AdminStatement>(file);
}

/** All changes that were in effect at some time between `from` and `to`: the last one before, too. */
export function changesBetween(
  changes: readonly ServerChange[],
  from: number,
  to = Number.POSITIVE_INFINITY,
): ServerChange[] {
  return changes.filter((change, index) => {
    const end = changes[index + 1]?.time ?? Number.POSITIVE_INFINITY;
    return change.time <= to && end > from;
  });
}

/** Whether the server is ONLINE in the hostgroup. */
export function isOnline(change: ServerChange, hostgroup: number, host: string, port = 3306): boolean {
  return change.rows.some(
    (row) => row.hostgroup === hostgroup && row.host === host && row.port === port && row.status === "ONLINE",
  );
}

/** A line that is not finished yet is left for the next time. */
function linesOf<T>(file: string): T[] {
  if (!existsSync(file)) return [];
  const lines = readFileSync(file, "utf8").split("\n").slice(0, -1);
  return lines.map((line) => JSON.parse(line) as T);
}
