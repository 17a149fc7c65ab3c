import { stat } from "node:fs/promises";
import { join } from "node:path";
import Database from "better-sqlite3";
import { wallClock } from "../platform/clock.js";
import { contentDigest } from "../snapshot/content.js";
import { sha256OfFile } from "../snapshot/hashing.js";
import { inspectDatabase } from "../snapshot/inspect.js";
import { type Manifest, snapshotId } from "../snapshot/manifest.js";
import { packInto } from "../snapshot/pack.js";

/** As much of ProxySQL's tables as a verification asks for. */
const definitions = [
  "CREATE TABLE global_variables (variable_name VARCHAR NOT NULL PRIMARY KEY , variable_value VARCHAR NOT NULL)",
  "CREATE TABLE mysql_servers (hostgroup_id INT, hostname VARCHAR, port INT)",
  "CREATE TABLE mysql_users (username VARCHAR, password VARCHAR)",
  "CREATE TABLE mysql_query_rules (rule_id INTEGER PRIMARY KEY)",
];

/**
 * Makes a small snapshot that is nobody's, packed into `dir`: for a node that has none yet. It is verified as any other,
 * and goes nowhere but into a probe.
 */
export async function makeProbe(dir: string, node: string): Promise<Manifest> {
  const file = join(dir, "made.db");
  const db = new Database(file);
  for (const sql of definitions) db.exec(sql);
  const put = db.prepare("INSERT INTO global_variables VALUES (?, ?)");
  for (let row = 0; row < 200; row += 1) put.run(`probe-${row}`, `${node} ${row}`);
  db.close();
  const inspection = await inspectDatabase(file);
  const { pages, pageSize, shared, definitions: digest } = inspection;
  const tables = Object.entries(inspection.tables).map(
    ([name, { rows, content, definition }]) => [name, { rows, content, definition }] as const,
  );
  const lineage = { epoch: 0, sequence: 0, node };
  return packInto(
    dir,
    { database: file, tls: [] },
    {
      schema: "proxysql-carp/manifest/v1",
      id: snapshotId(lineage),
      lineage,
      ancestry: [],
      takenAt: new Date(wallClock()).toISOString(),
      method: "admin",
      proxysqlVersion: null,
      source: null,
      accepted: {},
      database: { size: (await stat(file)).size, sha256: await sha256OfFile(file), pages, pageSize },
      content: contentDigest(inspection, []),
      shared,
      definitions: digest,
      tables: Object.fromEntries(tables),
      tls: [],
    },
  );
}
