import type { ServerKey } from "../orchestrator/types.js";
import { serverName } from "./server.js";

export type ServerStatus = "ONLINE" | "SHUNNED" | "OFFLINE_SOFT" | "OFFLINE_HARD";

/** A row of `mysql_servers`: one server in one hostgroup. */
export interface ServerRow extends ServerKey {
  readonly hostgroup: number;
  readonly status: ServerStatus;
}

/** A pair of `mysql_replication_hostgroups`. */
export interface HostgroupPair {
  readonly writer: number;
  readonly reader: number;
}

/** The status of a row that is kept out of use: its connections go on, nothing new is sent there. */
export const fencedStatus = "OFFLINE_SOFT";

/** Which row it is, to the letter, as in ProxySQL's own key: it may have one server under two spellings. */
export function rowName({ hostgroup, host, port }: Omit<ServerRow, "status">): string {
  return `${hostgroup} ${host}:${port}`;
}

export function isOffline({ status }: Pick<ServerRow, "status">): boolean {
  return status === "OFFLINE_SOFT" || status === "OFFLINE_HARD";
}

/**
 * The status that a row has when nobody fences it. SHUNNED, and whatever else a version of ProxySQL may call it, is an
 * ONLINE server that it lets rest for a moment.
 */
export function meantStatus(row: Pick<ServerRow, "status">): ServerStatus {
  return isOffline(row) ? row.status : "ONLINE";
}

/** Each server once, in every spelling that there is. */
export function spellingsOf(rows: readonly ServerRow[]): ServerKey[] {
  return [...new Map(rows.map(({ host, port }) => [`${host}:${port}`, { host, port }])).values()];
}

/** Each server once. */
export function serversOf(rows: readonly ServerKey[]): ServerKey[] {
  return [...new Map(rows.map(({ host, port }) => [serverName({ host, port }), { host, port }])).values()];
}
