import { KnownError } from "../platform/errors.js";
import { type Module, modules } from "../proxysql/modules.js";
import { type KeepLocal, keptVariablesCondition } from "./keep-local.js";
import { columnList, identifier, literal, sameIn } from "./sql-text.js";
import type { TableShape } from "./table-shape.js";

/** The name under which ProxySQL's admin sees the snapshot while it is applied. */
export const attachedName = "restore_src";

/** Makes the database at `path`, as ProxySQL's own user reaches it, visible to all sessions of the admin. */
export function attachStatement(path: string): string {
  return `ATTACH DATABASE ${literal(path)} AS ${attachedName}`;
}

export const detachStatement = `DETACH DATABASE ${attachedName}`;

export interface ApplyInput {
  readonly main: readonly TableShape[];
  readonly disk: readonly TableShape[];
  readonly snapshot: readonly TableShape[];
  /** What stands before the dash of the variables in `main.global_variables`, with the dash. */
  readonly variablePrefixes: readonly string[];
  readonly keepLocal: KeepLocal;
}

/** What one module of ProxySQL needs to hold the snapshot's rows. Each text is one statement for the admin. */
export interface ModulePlan {
  readonly name: string;
  /** One row, a column for each table: how many rows differ. A changed row counts as one gone and one come. */
  readonly differences: { readonly main: string; readonly disk: string };
  /** Brings main.* to the snapshot's rows; needs no order among other sessions' statements to come right. */
  readonly write: readonly string[];
  /** null: the module is not loaded to runtime by whoever applies. */
  readonly load: string | null;
  readonly save: string;
  /** Gives `name` of what still differs on main, for an error's sentence; null for tables of rows. */
  readonly names: string | null;
}

export interface ApplyPlan {
  readonly modules: readonly ModulePlan[];
  /** Tables of modules that are only on one side, and are left as they are. */
  readonly left: readonly string[];
}

/**
 * Plans how to bring a running ProxySQL to a snapshot through its admin: per module compare, write, load, save. Which
 * tables and variables there are is taken from both sides, never assumed: 3.0 has `pgsql_*`, 2.5 has fewer. Pure. A
 * `keep_local` that keeps a column of a primary key is a `config-invalid` error.
 */
export function planApply(input: ApplyInput): ApplyPlan {
  const known = modules.flatMap((module) => module.tables ?? []);
  const onBoth = new Map(pairTables(input).map((table) => [table.name, table]));
  const onOne = [...input.main, ...input.snapshot]
    .map(({ name }) => name)
    .filter((name) => known.includes(name));
  const kept = input.keepLocal.tables;
  return {
    modules: modules.flatMap((module) => planModule(module, onBoth, input)),
    left: [...new Set(onOne)].filter((name) => !onBoth.has(name) && !kept.has(name)).sort(),
  };
}

function planModule(module: Module, onBoth: ReadonlyMap<string, Paired>, input: ApplyInput): ModulePlan[] {
  const plan =
    module.prefix === undefined
      ? planTables((module.tables ?? []).flatMap((name) => onBoth.get(name) ?? []))
      : planVariables(module.prefix, input);
  if (plan === undefined) return [];
  const load = module.neverLoad ? null : `LOAD ${module.name} TO RUNTIME`;
  return [{ name: module.name, ...plan, load, save: `SAVE ${module.name} TO DISK` }];
}

type Statements = Pick<ModulePlan, "differences" | "write" | "names">;

interface Paired {
  readonly name: string;
  readonly columns: readonly string[];
  /** What makes a row the same row: the primary key, or all columns. */
  readonly key: readonly string[];
  /** Columns that keep their value here. */
  readonly kept: readonly string[];
}

function pairTables({ main, disk, snapshot, keepLocal }: ApplyInput): Paired[] {
  const onDisk = new Map(disk.map((table) => [table.name, table]));
  const wanted = new Map(snapshot.map((table) => [table.name, table]));
  return main.flatMap((table) => {
    const [there, saved] = [wanted.get(table.name), onDisk.get(table.name)];
    if (there === undefined || saved === undefined || keepLocal.tables.has(table.name)) return [];
    const columns = table.columns.filter(
      (name) => there.columns.includes(name) && saved.columns.includes(name),
    );
    if (columns.length === 0 || table.key.some((name) => !columns.includes(name))) return [];
    const keptHere = keepLocal.columns.get(table.name);
    const kept = columns.filter((name) => keptHere?.has(name));
    requireNoKeyIn(kept, table);
    return [{ name: table.name, columns, key: table.key.length > 0 ? table.key : columns, kept }];
  });
}

function requireNoKeyIn(kept: readonly string[], { name, key }: TableShape): void {
  const wrong = kept.find((column) => key.includes(column));
  if (wrong === undefined && (kept.length === 0 || key.length > 0)) return;
  const what = wrong === undefined ? "has no primary key" : "has it in its primary key";
  throw new KnownError(
    "config-invalid",
    `keep_local: ${name}.${kept[0] ?? ""} cannot be kept, ${name} ${what}.`,
  );
}

function planTables(tables: readonly Paired[]): Statements | undefined {
  if (tables.length === 0) return undefined;
  const differences = (layer: "main" | "disk"): string =>
    `SELECT ${tables.map((table) => `${differingRows(table, layer)} AS ${identifier(table.name)}`).join(", ")}`;
  return {
    differences: { main: differences("main"), disk: differences("disk") },
    write: tables.flatMap((table) => [deleteSurplus(table), writeMissing(table)]),
    names: null,
  };
}

function differingRows(table: Paired, layer: "main" | "disk"): string {
  const [have, want] = [rowsHere(table, layer), rowsWanted(table)];
  return `(SELECT COUNT(*) FROM (${have} EXCEPT ${want})) + (SELECT COUNT(*) FROM (${want} EXCEPT ${have}))`;
}

function rowsHere({ name, columns }: Paired, layer: "main" | "disk"): string {
  return `SELECT ${columnList(columns)} FROM ${layer}.${identifier(name)}`;
}

/** The snapshot's rows; kept columns have the value that main has in the same row, on disk as well. */
function rowsWanted({ name, columns, key, kept }: Paired): string {
  const table = identifier(name);
  if (kept.length === 0) return `SELECT ${columnList(columns)} FROM ${attachedName}.${table}`;
  const values = columns.map((column) => {
    const quoted = identifier(column);
    return kept.includes(column)
      ? `CASE WHEN m.rowid IS NULL THEN s.${quoted} ELSE m.${quoted} END`
      : `s.${quoted}`;
  });
  const join = `LEFT JOIN main.${table} m ON ${sameIn(key, "m", "s")}`;
  return `SELECT ${values.join(", ")} FROM ${attachedName}.${table} s ${join}`;
}

/** Only what is gone is deleted: a table must never be seen empty by a LOAD that someone else sends in between. */
function deleteSurplus({ name, key }: Paired): string {
  const table = identifier(name);
  const there = `SELECT 1 FROM ${attachedName}.${table} s WHERE ${sameIn(key, "s", "m")}`;
  return `DELETE FROM main.${table} AS m WHERE NOT EXISTS (${there})`;
}

function writeMissing(table: Paired): string {
  const into = `main.${identifier(table.name)} (${columnList(table.columns)})`;
  return `INSERT OR REPLACE INTO ${into} ${rowsWanted(table)} EXCEPT ${rowsHere(table, "main")}`;
}

/** Variables are merged: one that only one side knows belongs to that side's version and is left alone. */
function planVariables(prefix: string, input: ApplyInput): Statements | undefined {
  const { keepLocal, variablePrefixes, main, snapshot } = input;
  const there = [main, snapshot].every((tables) => tables.some(({ name }) => name === "global_variables"));
  if (!there || !variablePrefixes.includes(prefix) || keepLocal.tables.has("global_variables"))
    return undefined;
  const shipped =
    `substr(s.variable_name, 1, ${prefix.length}) = ${literal(prefix)} ` +
    `AND NOT ${keptVariablesCondition(keepLocal, "s.variable_name")}`;
  const onBoth =
    `FROM ${attachedName}.global_variables s ` +
    "JOIN main.global_variables m ON m.variable_name = s.variable_name";
  const onDisk = "LEFT JOIN disk.global_variables d ON d.variable_name = s.variable_name";
  const differ = `${onBoth} WHERE ${shipped} AND m.variable_value IS NOT s.variable_value`;
  const differOnDisk = `${onBoth} ${onDisk} WHERE ${shipped} AND d.variable_value IS NOT s.variable_value`;
  const value = `SELECT s.variable_value FROM ${attachedName}.global_variables s WHERE s.variable_name = v.variable_name`;
  return {
    differences: {
      main: `SELECT COUNT(*) AS global_variables ${differ}`,
      disk: `SELECT COUNT(*) AS global_variables ${differOnDisk}`,
    },
    write: [
      `UPDATE main.global_variables AS v SET variable_value = (${value}) ` +
        `WHERE v.variable_name IN (SELECT m.variable_name ${differ})`,
    ],
    names: `SELECT m.variable_name AS name ${differ} ORDER BY 1 LIMIT 5`,
  };
}
