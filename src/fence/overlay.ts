import Database from "better-sqlite3";
import type { ServerKey } from "../orchestrator/types.js";
import { indexOf, type Latch } from "./latch.js";
import { fencedStatus, isOffline, type ServerRow, type ServerStatus, serversOf } from "./rows.js";

/**
 * Takes our fences out of a copy of ProxySQL's database: a snapshot says what an operator means, and what is fenced is for
 * each node to find out when it needs to know. Returns how many rows were changed.
 */
export function liftFences(file: string, latch: Latch): number {
  if (latch.rows.length === 0) return 0;
  const index = indexOf(latch);
  const meant = (row: ServerRow): ServerStatus =>
    row.status === fencedStatus ? index.meant(row) : row.status;
  return change(file, meant);
}

/** The servers that a copy of ProxySQL's database has. */
export function serversIn(file: string): ServerKey[] {
  const found: ServerRow[] = [];
  change(file, (row) => {
    found.push(row);
    return row.status;
  });
  return serversOf(found);
}

/**
 * Puts the fences of a latch into a copy of a database that is about to be put in place. `held`: what the rows of the servers
 * that are held are meant to be by that database.
 */
export function layFences(
  file: string,
  latch: Latch,
): { readonly held: readonly ServerRow[]; readonly changed: boolean } {
  const index = indexOf(latch);
  if (latch.fences.length === 0 && latch.isolatedSince === null) return { held: [], changed: false };
  const held: ServerRow[] = [];
  const changed = change(file, (row) => {
    if (!index.holds(row)) return row.status;
    // The database may have been written with the fence in it.
    held.push({ ...row, status: row.status === fencedStatus ? index.meant(row) : row.status });
    return isOffline(row) ? row.status : fencedStatus;
  });
  return { held, changed: changed > 0 };
}

/** In place, statuses alone: a table's definition must stay as ProxySQL wrote it, to the letter. */
function change(file: string, wanted: (row: ServerRow) => ServerStatus): number {
  const db = new Database(file, { fileMustExist: true });
  try {
    db.pragma("journal_mode = DELETE");
    const hasServers = db
      .prepare("SELECT 1 FROM sqlite_master WHERE type='table' AND name='mysql_servers'")
      .get();
    if (hasServers === undefined) return 0;
    const rows = db
      .prepare<[], ServerRow>(
        "SELECT hostgroup_id AS hostgroup, hostname AS host, port, upper(status) AS status FROM mysql_servers",
      )
      .all();
    const differing = rows.flatMap((row) => {
      const to = wanted(row);
      return to === row.status ? [] : [{ row, to }];
    });
    if (differing.length === 0) return 0;
    const put = db.prepare(
      "UPDATE mysql_servers SET status=? WHERE hostgroup_id=? AND hostname=? AND port=?",
    );
    db.transaction(() => {
      for (const { row, to } of differing) put.run(to, row.hostgroup, row.host, row.port);
    })();
    return differing.length;
  } finally {
    db.close();
  }
}
