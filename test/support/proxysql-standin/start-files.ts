import { randomUUID } from "node:crypto";
import { messageOf, SqlConnection } from "./layers.js";
import { log } from "./log.js";
import { HOSTGROUP_ATTRIBUTES_2_5 } from "./memory-tables.js";
import type { Personality, TableDefinition } from "./personality.js";
import { literal } from "./sql-text.js";

/** Ends the process the way ProxySQL does when an assertion fails: SIGABRT, 134 in a shell. */
export function abort(message: string): never {
  log("ERROR", message);
  process.abort();
}

/**
 * Opens a database file. ProxySQL exits 0 (!) when it cannot (lib/sqlite3db.cpp:198).
 */
export function openFile(path: string): SqlConnection {
  try {
    return new SqlConnection(path);
  } catch (error) {
    log("ERROR", `SQLITE CRITICAL error: Unable to open ${path}. Shutting down. ${messageOf(error)}`);
    process.exit(0);
  }
}

/**
 * Brings proxysql.db into the shape of this version: a table whose text differs is dropped and made anew, silently,
 * and missing variables get their defaults. Aborts on a damaged or read-only file.
 */
export async function prepareDisk(
  path: string,
  personality: Personality,
  uuid: string | undefined,
): Promise<void> {
  const disk = openFile(path);
  await disk.execute("PRAGMA synchronous=0");
  try {
    await upgradeAttributes(disk, personality);
    for (const table of personality.disk) await checkAndBuild(disk, table);
    await addDefaults(disk, personality);
    await keepUuid(disk, uuid);
  } catch (error) {
    abort(`Assertion failed on ${path}: ${messageOf(error)}`);
  } finally {
    disk.close();
  }
}

/** Creates a table unless one with exactly this text is there (lib/sqlite3db.cpp:426-490). */
export async function checkAndBuild(connection: SqlConnection, table: TableDefinition): Promise<void> {
  const found = await connection.query(
    `SELECT COUNT(*) FROM sqlite_master WHERE type='table' AND name=${literal(table.name)} AND sql=${literal(table.sql)}`,
  );
  if (Number(found.rows[0]?.[0]) > 0) return;
  await connection.query(`DROP TABLE IF EXISTS ${table.name}`);
  await connection.query(table.sql);
}

/** The one older definition that stays within the versions here: ProxySQL keeps its rows (the "ONLINE UPGRADE"). */
async function upgradeAttributes(disk: SqlConnection, personality: Personality): Promise<void> {
  const table = personality.disk.find((candidate) => candidate.name === "mysql_hostgroup_attributes");
  if (table === undefined || table.sql === HOSTGROUP_ATTRIBUTES_2_5) return;
  const old = await disk.query(
    `SELECT 1 FROM sqlite_master WHERE name='mysql_hostgroup_attributes' AND sql=${literal(HOSTGROUP_ATTRIBUTES_2_5)}`,
  );
  if (old.rows.length === 0) return;
  log("WARNING", "ONLINE UPGRADE of table mysql_hostgroup_attributes");
  await disk.query("ALTER TABLE mysql_hostgroup_attributes RENAME TO mysql_hostgroup_attributes_v252");
  await disk.query(table.sql);
  const columns = await disk.query("SELECT name FROM pragma_table_info('mysql_hostgroup_attributes_v252')");
  const names = columns.rows.map((row) => String(row[0])).join(",");
  await disk.query(
    `INSERT INTO mysql_hostgroup_attributes (${names}) SELECT ${names} FROM mysql_hostgroup_attributes_v252`,
  );
}

async function addDefaults(disk: SqlConnection, personality: Personality): Promise<void> {
  for (const [name, value] of personality.variables) {
    await disk.query(`INSERT OR IGNORE INTO global_variables VALUES (${literal(name)}, ${literal(value)})`);
  }
}

/** The instance's id lives on disk only; one given by option or configuration overwrites it. */
async function keepUuid(disk: SqlConnection, given: string | undefined): Promise<void> {
  const found = await disk.query("SELECT variable_value FROM global_settings WHERE variable_name='uuid'");
  const stored = found.rows[0]?.[0];
  if (stored !== undefined && (given === undefined || given === stored)) return;
  await disk.query(
    `INSERT OR REPLACE INTO global_settings VALUES ('uuid', ${literal(given ?? randomUUID())})`,
  );
}
