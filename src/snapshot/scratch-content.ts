import type { AdminClient } from "../proxysql/admin-client.js";
import { modules } from "../proxysql/modules.js";
import { type KeepLocal, keepsVariable } from "./keep-local.js";
import type { Manifest } from "./manifest.js";
import { missingRows } from "./missing-rows.js";
import { emptiedTables } from "./scratch-database.js";
import { columnList, identifier, literal } from "./sql-text.js";
import { type ShapeRow, shapeQuery, shapesOf, type TableShape } from "./table-shape.js";

/** The name under which a scratch ProxySQL sees the database that it was started from, as it was then. */
const reference = "drill_reference";

/** Only there with a plugin or an option of the real ProxySQL's command line, of which a drill knows nothing. */
const optionalTables = ["mysql_ldap_mapping", "pgsql_ldap_mapping", "clickhouse_users"];

export interface ComparedWith {
  readonly manifest: Pick<Manifest, "tables">;
  readonly keepLocal: KeepLocal;
  /** Variables that the drill has set. */
  readonly ownVariables: ReadonlySet<string>;
}

/**
 * How many rows of each table of the snapshot's ProxySQL must show after a start. What a host keeps to itself, what a
 * drill empties, and what no module loads (such as a table that an upgrade left behind) is not served.
 */
export function servedRows({
  manifest,
  keepLocal,
}: Omit<ComparedWith, "ownVariables">): Record<string, number> {
  const served = modules
    .flatMap(({ tables }) => tables ?? [])
    .filter((table) => ![...emptiedTables, ...optionalTables].includes(table) && !keepLocal.tables.has(table))
    .flatMap((table) => {
      const rows = manifest.tables[table]?.rows;
      return rows === undefined ? [] : [[table, rows] as const];
    });
  return Object.fromEntries(served);
}

/** Lets ProxySQL see, beside its own, the database that it was started from: so it can compare in its own process. */
export async function attachReference(admin: AdminClient, file: string): Promise<void> {
  await admin.exec(`ATTACH DATABASE ${literal(file)} AS ${reference}`);
}

/**
 * What differs between the snapshot and what ProxySQL has loaded of it, row by row; nothing if all agrees. ProxySQL drops
 * a table whose definition differs from its own without a word, and starts well all the same.
 */
export async function contentDifferences(admin: AdminClient, compared: ComparedWith): Promise<string[]> {
  const loaded = new Map((await shapesIn(admin, "main")).map((table) => [table.name, table]));
  const served = new Set([...Object.keys(servedRows(compared)), ...optionalTables]);
  const found: string[] = [];
  for (const table of await shapesIn(admin, reference)) {
    const there = loaded.get(table.name);
    if (there !== undefined && served.has(table.name))
      found.push(...(await tableDiffers(admin, table, there)));
  }
  return [...found, ...(await variablesDiffer(admin, compared)), ...(await dropped(admin, compared))];
}

async function tableDiffers(admin: AdminClient, table: TableShape, there: TableShape): Promise<string[]> {
  const columns = table.columns.filter((column) => there.columns.includes(column));
  const key = table.key.filter((column) => columns.includes(column));
  const select = (schema: string): string =>
    `SELECT ${columnList(columns)} FROM ${schema}.${identifier(table.name)}`;
  const lacking = await missingRows(admin, select(reference), select("main"), key);
  // With as many rows on both sides and none lacking here, none lacks there: half the work on a large table.
  const alike = lacking === undefined && (await sameCount(admin, table.name));
  const foreign = alike ? undefined : await missingRows(admin, select("main"), select(reference), key);
  return [
    ...(lacking === undefined ? [] : [`${table.name} lacks ${lacking}`]),
    ...(foreign === undefined ? [] : [`${table.name} has, and the snapshot has not, ${foreign}`]),
  ];
}

async function sameCount(admin: AdminClient, table: string): Promise<boolean> {
  const count = (schema: string): string => `(SELECT count(*) FROM ${schema}.${identifier(table)})`;
  const [row] = await admin.query(`SELECT ${count(reference)} = ${count("main")} AS same`);
  return row?.same === "1";
}

/** Only names are told: values can be passwords. A variable that this ProxySQL does not know at all is a newer one's. */
async function variablesDiffer(
  admin: AdminClient,
  { keepLocal, ownVariables }: ComparedWith,
): Promise<string[]> {
  const rows = await admin.query(
    `SELECT r.variable_name AS name FROM ${reference}.global_variables r ` +
      "JOIN main.global_variables m ON m.variable_name = r.variable_name WHERE m.variable_value <> r.variable_value",
  );
  return rows
    .map(({ name }) => name ?? "")
    .filter((name) => !ownVariables.has(name) && !keepsVariable(keepLocal, name))
    .map((name) => `the variable ${name} has another value`);
}

/** Of the tables that a drill empties only their definitions can tell whether ProxySQL would have kept their rows. */
async function dropped(admin: AdminClient, { manifest, keepLocal }: ComparedWith): Promise<string[]> {
  const rows = await admin.query(
    `SELECT r.name AS name FROM ${reference}.sqlite_master r JOIN disk.sqlite_master d ` +
      "ON d.name = r.name AND d.type = r.type WHERE r.type = 'table' AND d.sql <> r.sql",
  );
  return rows
    .map(({ name }) => name ?? "")
    .filter((name) => emptiedTables.includes(name) && !keepLocal.tables.has(name))
    .filter((name) => (manifest.tables[name]?.rows ?? 0) > 0)
    .map((name) => `${name} is defined otherwise and was dropped`);
}

async function shapesIn(admin: AdminClient, schema: string): Promise<TableShape[]> {
  return shapesOf((await admin.query(shapeQuery(schema))) as unknown as ShapeRow[]);
}
