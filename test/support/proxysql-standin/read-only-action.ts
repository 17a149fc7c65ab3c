import type { Hostgroups, ServerRow } from "./hostgroups.js";

/** What the monitor learnt of a server. */
export interface ReadOnlyResult {
  host: string;
  port: number;
  readOnly: boolean;
}

/** A row of mysql_replication_hostgroups. */
export interface ReplicationPair {
  writer: number;
  reader: number;
}

interface Node {
  pair: ReplicationPair;
  writerRow: ServerRow | undefined;
  readerRow: ServerRow | undefined;
}

/**
 * Moves servers between writer and reader hostgroups, in runtime alone: memory goes stale
 * (read_only_action_v2, lib/MySQL_HostGroups_Manager.cpp:3920-4062). Returns whether anything was moved.
 */
export function readOnlyAction(
  servers: Hostgroups,
  pairs: readonly ReplicationPair[],
  result: ReadOnlyResult,
  writerIsAlsoReader: boolean,
): boolean {
  const nodes = pairs.map((pair): Node => {
    const rowIn = (hostgroup: number) => servers.find({ hostgroup, host: result.host, port: result.port });
    return { pair, writerRow: rowIn(pair.writer), readerRow: rowIn(pair.reader) };
  });
  return result.readOnly ? makeReader(servers, nodes) : makeWriter(servers, nodes, writerIsAlsoReader);
}

/** A writer row of any status is enough for nothing to happen: an OFFLINE_SOFT one stays OFFLINE_SOFT. */
function makeWriter(servers: Hostgroups, nodes: readonly Node[], writerIsAlsoReader: boolean): boolean {
  const lacking = nodes.filter((node) => node.readerRow !== undefined && node.writerRow === undefined);
  if (lacking.length === 0) return false;
  for (const { pair, readerRow } of lacking) {
    if (readerRow !== undefined) servers.copy(readerRow, pair.writer);
  }
  if (writerIsAlsoReader) return true;
  for (const { readerRow } of nodes) {
    if (readerRow !== undefined) servers.remove(readerRow);
  }
  return true;
}

function makeReader(servers: Hostgroups, nodes: readonly Node[]): boolean {
  const writing = nodes.filter((node) => node.writerRow !== undefined);
  for (const { pair, writerRow, readerRow } of writing) {
    if (writerRow === undefined) continue;
    if (readerRow === undefined) servers.copy(writerRow, pair.reader);
    servers.remove(writerRow);
  }
  return writing.length > 0;
}
