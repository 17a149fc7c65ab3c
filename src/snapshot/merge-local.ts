import Database from "better-sqlite3";
import { KnownError, sentenceOf } from "../platform/errors.js";
import { type KeepLocal, keptVariablesCondition } from "./keep-local.js";
import { columnList, identifier, sameIn } from "./sql-text.js";
import { type ShapeRow, shapeQuery, shapesOf, type TableShape } from "./table-shape.js";

/**
 * Puts this host's own items from its database (`local`, or null without one) into a snapshot's database file. Only
 * rows are changed: ProxySQL drops a table whose definition differs by a letter. Where there is nothing local to
 * take, variables stay the snapshot's, because ProxySQL's defaults would open its admin to everyone, and the tables
 * that are the host's own become empty, because two hosts must not share an identity. Returns what is wrong with the
 * local database, if anything is, and it therefore could not be used.
 */
export function mergeLocal(database: string, local: string | null, keep: KeepLocal): string | undefined {
  const db = new Database(database, { fileMustExist: true });
  try {
    const problem = local === null ? undefined : attachLocal(db, local);
    const usable = local !== null && problem === undefined;
    db.transaction(() => (usable ? takeLocal(db, keep) : emptyOwnTables(db, keep)))();
    return problem;
  } catch (error) {
    const message = `This host's own settings could not be put into ${database}: ${sentenceOf(error)}`;
    throw new KnownError("not-done", message, { database }, error);
  } finally {
    db.close();
  }
}

/** A database that ProxySQL left torn has nothing to give; the first read also rolls back a journal beside it. */
function attachLocal(db: Database.Database, local: string): string | undefined {
  try {
    db.prepare("ATTACH DATABASE ? AS here").run(local);
    const check = db.pragma("here.integrity_check(1)", { simple: true });
    if (check !== "ok") return String(check);
    const variables = db.prepare("SELECT COUNT(*) FROM here.global_variables").pluck().get();
    return variables === 0 ? "it has no variables" : undefined;
  } catch (error) {
    return sentenceOf(error);
  }
}

function takeLocal(db: Database.Database, keep: KeepLocal): void {
  const local = new Map(shapes(db, "here").map((table) => [table.name, table]));
  for (const table of shapes(db, "main")) {
    const here = local.get(table.name);
    if (table.name === "global_variables") takeVariables(db, keep);
    else if (keep.tables.has(table.name)) takeTable(db, table, here);
    else if (here) takeColumns(db, table, here, keep.columns.get(table.name) ?? new Set());
  }
}

function takeVariables(db: Database.Database, keep: KeepLocal): void {
  const kept = keptVariablesCondition(keep, "variable_name");
  db.exec(
    "INSERT OR REPLACE INTO main.global_variables (variable_name, variable_value) " +
      `SELECT variable_name, variable_value FROM here.global_variables WHERE ${kept}`,
  );
}

function takeTable(db: Database.Database, { name, columns }: TableShape, here: TableShape | undefined): void {
  db.exec(`DELETE FROM main.${identifier(name)}`);
  const both = columns.filter((column) => here?.columns.includes(column));
  if (both.length === 0) return;
  const list = columnList(both);
  db.exec(`INSERT INTO main.${identifier(name)} (${list}) SELECT ${list} FROM here.${identifier(name)}`);
}

function takeColumns(
  db: Database.Database,
  { name, columns, key }: TableShape,
  here: TableShape,
  kept: ReadonlySet<string>,
): void {
  const table = identifier(name);
  const both = columns.filter((column) => kept.has(column) && here.columns.includes(column));
  if (both.length === 0 || key.length === 0 || key.some((column) => !here.columns.includes(column))) return;
  const same = `here.${table} h WHERE ${sameIn(key, "h", "m")}`;
  for (const column of both.map(identifier)) {
    const value = `(SELECT h.${column} FROM ${same})`;
    db.exec(`UPDATE main.${table} AS m SET ${column} = ${value} WHERE EXISTS (SELECT 1 FROM ${same})`);
  }
}

function emptyOwnTables(db: Database.Database, keep: KeepLocal): void {
  for (const { name } of shapes(db, "main")) {
    if (keep.tables.has(name)) db.exec(`DELETE FROM main.${identifier(name)}`);
  }
}

function shapes(db: Database.Database, schema: "main" | "here"): TableShape[] {
  return shapesOf(db.prepare(shapeQuery(schema)).all() as ShapeRow[]);
}
