import { readInstance, readRecovery } from "./answers.js";
import { manyBytes, type Node } from "./node.js";
import { readRows } from "./rows.js";
import { isLeader, requireHealth } from "./standing.js";
import { EndpointTrouble } from "./trouble.js";
import type { OrchestratorView, Recovery } from "./types.js";

/** A page of audit-recovery has 20 rows, unless Orchestrator's AuditPageSize says otherwise. */
const mostPages = 5;
/** Each row names all replicas of its cluster, twice. */
const pageBytes = 16 * 1024 * 1024;

/**
 * Reads the data from a node that leads, and makes sure afterwards that it still does. `seen`: whether a recovery was in
 * the view before. `EndpointTrouble` if anything is missing: there is no half view.
 */
export async function readView(
  node: Node,
  instances: boolean,
  seen: (recovery: Recovery) => boolean,
): Promise<OrchestratorView> {
  await requireHealth(node);
  // Normally a few rows, but a whole site may be downtimed.
  const downtimed = await readRows(await node.body("downtimed", manyBytes), "downtimed", readInstance);
  const all = instances ? await readAll(node) : null;
  const recoveries = await readRecoveries(node, seen);
  if (!(await isLeader(node))) {
    throw new EndpointTrouble("follower", "It ceased to be the leader while it was asked.");
  }
  return { leader: node.url, downtimed, instances: all, recoveries };
}

async function readAll(node: Node): Promise<OrchestratorView["instances"]> {
  return readRows(await node.body("all-instances", manyBytes), "all-instances", readInstance);
}

/** Pages until one holds something seen before or is empty. A row that slides to the next page meanwhile comes once. */
async function readRecoveries(node: Node, seen: (recovery: Recovery) => boolean): Promise<Recovery[]> {
  const found = new Map<string, Recovery>();
  for (let page = 0; page < mostPages; page += 1) {
    const path = page === 0 ? "audit-recovery" : `audit-recovery/${page}`;
    const rows = await readRows(await node.body(path, pageBytes), "audit-recovery", readRecovery);
    for (const row of rows) found.set(row.uid, row);
    if (rows.length === 0 || rows.some(seen)) break;
  }
  return [...found.values()].sort((a, b) =>
    a.startedAt < b.startedAt ? 1 : a.startedAt > b.startedAt ? -1 : 0,
  );
}
