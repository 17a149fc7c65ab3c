import type { AdminClient } from "../proxysql/admin-client.js";
import { columnList } from "./sql-text.js";

/** Comparing a table of some hundred megabytes takes ProxySQL seconds. */
const compareDeadlineMs = 60_000;
const namedRows = 3;

/**
 * How many rows of one SELECT another has not, and the first of them by their key; undefined if none. It is ProxySQL that
 * compares: no row but those named comes to us.
 */
export async function missingRows(
  admin: AdminClient,
  from: string,
  among: string,
  key: readonly string[],
): Promise<string | undefined> {
  const missing = `(${from} EXCEPT ${among})`;
  const [counted] = await admin.query(`SELECT count(*) AS missing FROM ${missing}`, compareDeadlineMs);
  const count = Number(counted?.missing ?? 0);
  if (count === 0) return undefined;
  const rows = `${count} ${count === 1 ? "row" : "rows"}`;
  if (key.length === 0) return rows;
  const named = await admin.query(
    `SELECT ${columnList(key)} FROM ${missing} LIMIT ${namedRows}`,
    compareDeadlineMs,
  );
  return `${rows} (${named.map((row) => Object.values(row).join(":")).join(", ")})`;
}
