import { KnownError } from "../platform/errors.js";
import { putBackEdits, readEdits } from "./edits.js";
import type { KnownRole } from "./judge.js";
import type { Latch } from "./latch.js";
import { type FenceAdmin, type FenceLook, type FenceShape, lookAtServers } from "./look.js";
import { type FencePlan, isNothing, planFences } from "./plan.js";
import { rowName } from "./rows.js";
import { serverName } from "./server.js";
import { changesOf } from "./sql.js";

export interface ApplyFences {
  readonly admin: FenceAdmin;
  readonly shape: FenceShape;
  readonly latch: Latch;
  /** As what a server that is not held any more comes back. */
  readonly roles: ReadonlyMap<string, KnownRole>;
  /** What ProxySQL has, if that was looked at just now, under the same lock. */
  readonly seen?: FenceLook;
  /**
   * True on the node whose configuration counts: what its monitor has moved meanwhile is saved too. On the other node
   * the disk is the snapshot's, and only statuses are written to it.
   */
  readonly savesAll: boolean;
  /** Called with the rows that the latch must know before ProxySQL is touched. */
  readonly keep: (rows: FencePlan["held"]) => void;
}

export interface FencesApplied {
  /** What was done; nothing if ProxySQL keeps to the latch already. */
  readonly plan: FencePlan;
  readonly changed: boolean;
}

/**
 * Brings ProxySQL to the latch: memory refreshed from runtime, changed, loaded, saved, read back. Memory is stale after
 * whatever the monitor has moved, and to load it would take the new primary's row away for a second (measured); so it is
 * refreshed first, and what an operator is editing there is put aside and put back. All rows of a server are
 * fenced: one left alone would be moved into the writer hostgroup again.
 *
 * Six statements without such edits. Errors: `proxysql-*` of the admin, `proxysql-unproven` if it does not hold.
 */
export async function applyFences(options: ApplyFences): Promise<FencesApplied> {
  const { admin, shape, latch, roles, savesAll, keep } = options;
  const look = options.seen ?? (await lookAtServers(admin, shape));
  const { runtime, memory, pairs } = look;
  const plan = planFences(latch, { runtime, memory, pairs }, roles);
  // Whoever was killed or failed between LOAD and SAVE left a disk that is not as the runtime.
  const onDisk = planFences(latch, { runtime: look.disk, memory: [], pairs: [] }, roles);
  if (isNothing(plan)) return { plan, changed: await saveStatuses(admin, onDisk) };
  keep(plan.held);
  const aside = tablesToPutAside(look);
  const edits = await readEdits(admin, aside);
  try {
    await admin.exec("SAVE MYSQL SERVERS FROM RUNTIME");
    for (const statement of changesOf(plan, "main", shape.columns)) await admin.exec(statement);
    await admin.exec("LOAD MYSQL SERVERS TO RUNTIME");
    if (savesAll && aside.length === 0) await admin.exec("SAVE MYSQL SERVERS TO DISK");
    else for (const statement of changesOf(onDisk, "disk", null)) await admin.exec(statement);
  } catch (error) {
    // Nobody else has them any more. The first error says more than what follows from it.
    await putBack(admin, putBackEdits(edits, shape, plan)).catch(() => undefined);
    throw error;
  }
  await putBack(admin, putBackEdits(edits, shape, plan));
  await prove(admin, plan);
  return { plan, changed: true };
}

async function saveStatuses(admin: FenceAdmin, onDisk: FencePlan): Promise<boolean> {
  if (isNothing(onDisk)) return false;
  for (const statement of changesOf(onDisk, "disk", null)) await admin.exec(statement);
  await prove(admin, onDisk);
  return true;
}

async function putBack(admin: FenceAdmin, statements: readonly string[]): Promise<void> {
  for (const statement of statements) await admin.exec(statement);
}

/**
 * OFFLINE_HARD rows are not in the runtime, so a refresh from there deletes them (seen live): they are put back as an
 * edit is.
 */
function tablesToPutAside({ edited, memory }: FenceLook): string[] {
  const tables = new Set(edited);
  if (memory.some(({ status }) => status === "OFFLINE_HARD")) tables.add("mysql_servers");
  return [...tables];
}

/** An OK of LOAD and SAVE proves nothing: both swallow errors (lib/ProxySQL_Admin.cpp:11397-11412). */
async function prove(admin: FenceAdmin, { fence, release }: FencePlan): Promise<void> {
  const inUse = (layer: string, table: string): string =>
    `SELECT '${layer}' AS layer, hostgroup_id, hostname, port, status FROM ${table}`;
  const rows = await admin.query(
    `${inUse("runtime", "runtime_mysql_servers")} UNION ALL ${inUse("disk", "disk.mysql_servers")}`,
  );
  const fencedNames = new Set(fence.map(serverName));
  const awaited = new Map(release.map(({ row, to }) => [rowName(row), to]));
  for (const { layer, hostgroup_id, hostname, port, status } of rows) {
    const row = { hostgroup: Number(hostgroup_id), host: hostname ?? "", port: Number(port) };
    const isFenced = status === "OFFLINE_SOFT" || status === "OFFLINE_HARD";
    const isLeft = fencedNames.has(serverName(row)) && !isFenced;
    const isStuck = layer === "runtime" && awaited.get(rowName(row)) === "ONLINE" && isFenced;
    if (!isLeft && !isStuck) continue;
    throw new KnownError(
      "proxysql-unproven",
      `${serverName(row)} is ${status} in hostgroup ${row.hostgroup} of ProxySQL's ${layer} after it was ${isLeft ? "fenced" : "released"}.`,
      { layer, ...row },
    );
  }
}
