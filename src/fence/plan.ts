import type { ServerKey } from "../orchestrator/types.js";
import type { KnownRole } from "./judge.js";
import { indexOf, type Latch } from "./latch.js";
import {
  fencedStatus,
  type HostgroupPair,
  isOffline,
  meantStatus,
  rowName,
  type ServerRow,
  type ServerStatus,
  spellingsOf,
} from "./rows.js";
import { serverName } from "./server.js";

/** What is in ProxySQL, as far as it decides what to do. */
export interface ServersSeen {
  readonly runtime: readonly ServerRow[];
  readonly memory: readonly ServerRow[];
  /** What a ProxySQL that starts now would have; rows that it would not use may be left out. */
  readonly disk?: readonly ServerRow[];
  readonly pairs: readonly HostgroupPair[];
}

/** A row whose status is to be changed. */
export interface StatusChange {
  readonly row: ServerRow;
  readonly to: ServerStatus;
}

/** What is to be done to `mysql_servers` so that ProxySQL keeps to the latch. */
export interface FencePlan {
  /** Servers of which a row is in use and must not be, as they are spelt there. */
  readonly fence: readonly ServerKey[];
  readonly release: readonly StatusChange[];
  /** Rows in a writer hostgroup of a server that came back as a replica, with the reader hostgroup that it belongs to. */
  readonly demote: readonly {
    readonly row: ServerRow;
    readonly reader: number;
    readonly status: ServerStatus;
  }[];
  /** The rows of the latch while this is being done: what was there before, of everything that is held or let go. */
  readonly held: readonly ServerRow[];
  /** Those that stay in the latch once it is done. */
  readonly left: readonly ServerRow[];
}

export function isNothing({ fence, release, demote }: FencePlan): boolean {
  return fence.length === 0 && release.length === 0 && demote.length === 0;
}

/**
 * Compares ProxySQL's rows with the latch. `roles`: as what a server that is not held any more comes back; one that is not
 * named, because it was held for an isolation alone, gets back exactly what it had. Pure.
 */
export function planFences(
  latch: Latch,
  seen: ServersSeen,
  roles: ReadonlyMap<string, KnownRole>,
): FencePlan {
  const index = indexOf(latch);
  const rows = unite(seen);
  const held = new Map(latch.rows.map((row) => [rowName(row), row]));
  const fence: ServerRow[] = [];
  const release: StatusChange[] = [];
  const demote: FencePlan["demote"][number][] = [];
  const readers = new Map(seen.pairs.map(({ writer, reader }) => [writer, reader]));
  const known = new Set(latch.rows.map(serverName));
  for (const row of rows) {
    if (index.holds(row)) {
      if (!held.has(rowName(row))) held.set(rowName(row), { ...row, status: index.meant(row) });
      if (!isOffline(row)) fence.push(row);
      continue;
    }
    if (!known.has(serverName(row)) || row.status !== fencedStatus) continue;
    const to = index.meant(row);
    const reader = readers.get(row.hostgroup);
    if (roles.get(serverName(row)) === "replica" && reader !== undefined && to !== fencedStatus)
      demote.push({ row, reader, status: to });
    else if (to !== row.status) release.push({ row, to });
  }
  // Put online there alone, by a SAVE without a LOAD, a dead primary would be used when ProxySQL is started next.
  for (const row of seen.disk ?? []) if (index.holds(row) && !isOffline(row)) fence.push(row);
  const all = [...held.values()];
  return {
    fence: spellingsOf(fence),
    release,
    demote,
    held: all,
    left: all.filter((row) => index.holds(row)),
  };
}

/** Runtime's rows, and those that memory alone has: half-edited ones, and OFFLINE_HARD, which the runtime does not show. */
function unite({ runtime, memory }: ServersSeen): ServerRow[] {
  const rows = new Map(memory.map((row) => [rowName(row), row]));
  for (const row of runtime) rows.set(rowName(row), row);
  return [...rows.values()].map((row) => ({ ...row, status: meantStatus(row) }));
}
