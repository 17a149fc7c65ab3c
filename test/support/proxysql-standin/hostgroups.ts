import type { SqlValue } from "./layers.js";

/** A row of mysql_servers. */
export type ServerRow = SqlValue[];

// Columns of mysql_servers, by position.
const COLUMN = { hostgroup: 0, host: 1, port: 2, status: 4 };

/** Where a server is: in which hostgroup, and under which address. */
export interface ServerPlace {
  hostgroup: number;
  host: string;
  port: number;
}

/**
 * The servers in effect. One that LOAD or the monitor takes away stays behind as OFFLINE_HARD, seen by nobody but the
 * connection pool, until the next look at the table finds it without connections
 * (lib/MySQL_HostGroups_Manager.cpp: commit, remove_HGM, purge_mysql_servers_table).
 */
export class Hostgroups {
  #servers = new Map<string, ServerRow>();
  /** In the order of the table; undefined after a change. */
  #sorted: ServerRow[] | undefined;
  #connectionsTo: (place: ServerPlace) => number = () => 0;

  /** Says how many sessions hold a connection to a server: one that is held is not purged. */
  countConnectionsBy(connectionsTo: (place: ServerPlace) => number): void {
    this.#connectionsTo = connectionsTo;
  }

  /** The rows of runtime_mysql_servers. */
  get rows(): ServerRow[] {
    return this.rowsWithRemnants.filter((row) => !isRemnant(row));
  }

  /** The same with those that are OFFLINE_HARD, as the connection pool has them. */
  get rowsWithRemnants(): readonly ServerRow[] {
    this.#sorted ??= [...this.#servers.values()].sort(compare);
    return this.#sorted;
  }

  find(place: ServerPlace): ServerRow | undefined {
    const row = this.#servers.get(keyOf(place));
    return row === undefined || isRemnant(row) ? undefined : row;
  }

  /** Takes the rows of memory: what they lack, and what they have as OFFLINE_HARD, becomes a remnant. */
  commit(incoming: readonly ServerRow[]): void {
    this.purge();
    const before = this.#servers;
    this.#servers = new Map(
      incoming.map((row) => [keyOf(placeOf(row)), withStatus(row, statusOf(row))] as const),
    );
    for (const [key, row] of before) {
      if (!this.#servers.has(key)) this.#servers.set(key, withStatus(row, "OFFLINE_HARD"));
    }
    this.#sorted = undefined;
  }

  /**
   * Copies a server into another hostgroup, with its status, except that a remnant there comes back ONLINE, and that a
   * SHUNNED one is ONLINE in both from then on: it has just answered
   * (HostGroup_Server_Mapping::copy_if_not_exists and insert_HGM, lib/MySQL_HostGroups_Manager.cpp:7223-7300).
   */
  copy(row: ServerRow, hostgroup: number): void {
    if (statusOf(row) === "SHUNNED") this.setStatus(row, "ONLINE");
    const place = { ...placeOf(row), hostgroup };
    const onRemnant = this.#servers.has(keyOf(place));
    const status = onRemnant || statusOf(row) === "SHUNNED" ? "ONLINE" : statusOf(row);
    const copied = withStatus(row, status);
    copied[COLUMN.hostgroup] = hostgroup;
    this.#servers.set(keyOf(place), copied);
    this.#sorted = undefined;
  }

  /** Leaves a remnant of the server. */
  remove(row: ServerRow): void {
    this.setStatus(row, "OFFLINE_HARD");
  }

  setStatus(row: ServerRow, status: string): void {
    this.#servers.set(keyOf(placeOf(row)), withStatus(row, status));
    this.#sorted = undefined;
  }

  /** Forgets the remnants that nobody holds a connection to. */
  purge(): void {
    for (const [key, row] of this.#servers) {
      if (isRemnant(row) && this.#connectionsTo(placeOf(row)) === 0) this.#servers.delete(key);
    }
    this.#sorted = undefined;
  }

  clear(): void {
    this.#servers.clear();
    this.#sorted = undefined;
  }
}

export function placeOf(row: ServerRow): ServerPlace {
  return {
    hostgroup: Number(row[COLUMN.hostgroup]),
    host: String(row[COLUMN.host]),
    port: Number(row[COLUMN.port]),
  };
}

/** In upper case: memory takes any case, runtime shows this one. */
export function statusOf(row: ServerRow): string {
  return String(row[COLUMN.status]).toUpperCase();
}

/** A row as checksums count it: a SHUNNED server is a working one (include/MySQL_HostGroups_Manager.h:87-119). */
export function asChecked(row: ServerRow): ServerRow {
  return statusOf(row) === "SHUNNED" ? withStatus(row, "ONLINE") : row;
}

function isRemnant(row: ServerRow): boolean {
  return statusOf(row) === "OFFLINE_HARD";
}

function withStatus(row: ServerRow, status: string): ServerRow {
  return row.map((value, column) => (column === COLUMN.status ? status : value));
}

function keyOf(place: ServerPlace): string {
  return JSON.stringify([place.hostgroup, place.host, place.port]);
}

function compare(one: ServerRow, two: ServerRow): number {
  const [a, b] = [placeOf(one), placeOf(two)];
  if (a.hostgroup !== b.hostgroup) return a.hostgroup - b.hostgroup;
  if (a.host !== b.host) return a.host < b.host ? -1 : 1;
  return a.port - b.port;
}
