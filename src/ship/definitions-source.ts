import { createHash } from "node:crypto";
import type { AdminClient } from "../proxysql/admin-client.js";
import { writeDefinitions } from "../snapshot/definitions.js";

/**
 * Writes down the table definitions of the running ProxySQL (of its disk database, which is what a snapshot holds), so
 * that snapshots are measured against them: a table that differs in one letter is dropped by ProxySQL at its start.
 */
export async function refreshDefinitions(
  admin: AdminClient,
  stateDir: string,
  version: string,
): Promise<void> {
  const rows = await admin.query("SELECT name, sql FROM disk.sqlite_master WHERE type='table'");
  const tables = Object.fromEntries(
    rows
      .filter(
        (row) =>
          row.name !== null && row.sql !== null && row.name !== undefined && !row.name.startsWith("sqlite_"),
      )
      .map((row) => [
        row.name as string,
        createHash("sha256")
          .update(row.sql as string)
          .digest("hex"),
      ]),
  );
  await writeDefinitions(stateDir, { version, tables });
}
