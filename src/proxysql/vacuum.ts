import type { AdminClient } from "./admin-client.js";

/**
 * Lets ProxySQL write a copy of its disk database to a new file. It runs under the admin's mutex, so that it never sees
 * a SAVE half done (SAVE deletes and inserts in separate commits), and keeps every table's definition to the letter.
 */
export async function vacuumInto(admin: AdminClient, path: string): Promise<void> {
  await admin.exec(`VACUUM disk INTO '${path.replaceAll("'", "''")}'`);
}
