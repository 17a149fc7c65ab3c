import type { ServerKey } from "../orchestrator/types.js";
import type { FencePlan } from "./plan.js";
import { fencedStatus, type ServerRow, type ServerStatus } from "./rows.js";

/** A text for the admin, which has no prepared statements. */
export function literal(text: string): string {
  return `'${text.replaceAll("'", "''")}'`;
}

/**
 * The statements that bring `layer`.mysql_servers to a plan. As few as there can be: each is one hold of the admin's
 * lock, and with a thousand servers one each would take seconds. `columns`: those of mysql_servers here. Only statuses,
 * if `columns` is null: what the disk of a passive node has beside them is the snapshot's.
 */
export function changesOf(
  { fence, release, demote }: Pick<FencePlan, "fence" | "release" | "demote">,
  layer: "main" | "disk",
  columns: readonly string[] | null,
): string[] {
  const table = `${layer}.mysql_servers`;
  const statements: string[] = [];
  if (fence.length > 0)
    statements.push(
      `UPDATE ${table} SET status='${fencedStatus}' WHERE status NOT IN ('OFFLINE_SOFT','OFFLINE_HARD') AND ${among(fence)}`,
    );
  const released: { readonly row: ServerRow; readonly to: ServerStatus }[] = [...release];
  if (columns === null) for (const { row, status } of demote) released.push({ row, to: status });
  for (const to of new Set(released.map((change) => change.to))) {
    const rows = released.filter((change) => change.to === to).map(({ row }) => row);
    statements.push(
      `UPDATE ${table} SET status='${to}' WHERE status='${fencedStatus}' AND ${amongRows(rows)}`,
    );
  }
  if (columns === null) return statements;
  for (const { row, reader, status } of demote) {
    const values = columns.map((name) => {
      if (name === "hostgroup_id") return String(reader);
      return name === "status" ? literal(status) : `"${name.replaceAll('"', '""')}"`;
    });
    const names = columns.map((name) => `"${name.replaceAll('"', '""')}"`).join(", ");
    statements.push(
      `INSERT OR IGNORE INTO ${table} (${names}) SELECT ${values.join(", ")} FROM ${table} WHERE ${amongRows([row])}`,
    );
  }
  if (demote.length > 0)
    statements.push(`DELETE FROM ${table} WHERE ${amongRows(demote.map(({ row }) => row))}`);
  return statements;
}

function among(servers: readonly ServerKey[]): string {
  return `(hostname, port) IN (VALUES ${servers.map(({ host, port }) => `(${literal(host)},${port})`).join(",")})`;
}

function amongRows(rows: readonly Pick<ServerRow, "hostgroup" | "host" | "port">[]): string {
  const values = rows.map(({ hostgroup, host, port }) => `(${hostgroup},${literal(host)},${port})`);
  return `(hostgroup_id, hostname, port) IN (VALUES ${values.join(",")})`;
}
