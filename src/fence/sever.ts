import type { ServerKey } from "../orchestrator/types.js";
import { monotonic, sleep } from "../platform/clock.js";
import type { FenceAdmin } from "./look.js";
import { literal } from "./sql.js";

/** A connection that is told to end does so with its next statement at the latest; this long we tell it. */
const deadlineMs = 2_000;
const againMs = 50;

/** Which of a server's connections: all, or those of writer hostgroups, where they were opened to write. */
export type SeverScope = "all" | "writers";

/**
 * Ends the connections to a fenced server: OFFLINE_SOFT lets open transactions, and sessions without multiplexing, go on
 * writing (seen live). Returns how many connections were told to end, and how many are in use still after the deadline.
 */
export async function severConnections(
  admin: FenceAdmin,
  { host, port }: ServerKey,
  scope: SeverScope,
  signal?: AbortSignal,
): Promise<{ readonly ended: number; readonly left: number }> {
  const end = monotonic() + deadlineMs;
  const ended = new Set<string>();
  const writers = "SELECT writer_hostgroup FROM runtime_mysql_replication_hostgroups";
  const within = scope === "all" ? "" : ` AND hostgroup IN (${writers})`;
  const server = `srv_host=${literal(host)} AND srv_port=${port}${within}`;
  for (;;) {
    const sessions = await admin.query(`SELECT SessionID FROM stats_mysql_processlist WHERE ${server}`);
    for (const { SessionID } of sessions) {
      if (!/^\d+$/.test(SessionID ?? "")) continue;
      ended.add(String(SessionID));
      await admin.exec(`KILL CONNECTION ${SessionID}`);
    }
    const [row] = await admin.query(
      `SELECT COALESCE(SUM(ConnUsed), 0) AS used FROM stats_mysql_connection_pool WHERE ${server}`,
    );
    const left = Number(row?.used ?? 0);
    if (left === 0 || monotonic() > end || signal?.aborted) return { ended: ended.size, left };
    await sleep(againMs, signal);
  }
}
