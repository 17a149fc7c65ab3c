import { KnownError } from "../platform/errors.js";
import {
  type ApplyPlan,
  attachedName,
  attachStatement,
  detachStatement,
  type ModulePlan,
  planApply,
} from "./apply-plan.js";
import type { KeepLocal } from "./keep-local.js";
import { shapeQuery, shapesOf, type TableShape } from "./table-shape.js";

type Row = Readonly<Record<string, string | null>>;

/** ProxySQL's admin: one statement a call, numbers come as text. */
export interface AdminQuery {
  query(sql: string): Promise<readonly Row[]>;
  exec(sql: string): Promise<unknown>;
}

export interface ApplyResult {
  /** The modules that were loaded and saved, as the commands name them. */
  readonly changedModules: readonly string[];
  /** How many rows differed before; a changed row counts as one gone and one come. */
  readonly rows: number;
  readonly unchanged: boolean;
  /** Tables that only this ProxySQL or only the snapshot has. */
  readonly left: readonly string[];
}

/**
 * Brings a running ProxySQL to a verified snapshot: main, runtime (but for the scheduler) and disk, what `keep_local`
 * names excepted. Read back at the end of each module; what does not hold is a `proxysql-unproven` error. Ended half
 * way, it is simply run again: a module is saved last, so the disk tells what is still to be done.
 */
export async function applyPlanned(
  admin: AdminQuery,
  database: string,
  keepLocal: KeepLocal,
): Promise<ApplyResult> {
  await detachLeftover(admin);
  await admin.exec(attachStatement(database));
  let result: ApplyResult;
  try {
    result = await applyModules(admin, await readPlan(admin, database, keepLocal));
  } catch (error) {
    // The first error says more than one of the detaching that follows from it.
    await admin.exec(detachStatement).catch(() => undefined);
    throw error;
  }
  await admin.exec(detachStatement);
  return result;
}

/** Performs a plan while the snapshot is attached. */
async function applyModules(admin: AdminQuery, plan: ApplyPlan): Promise<ApplyResult> {
  const changedModules: string[] = [];
  let rows = 0;
  for (const module of plan.modules) {
    const differed = await applyModule(admin, module);
    if (differed === undefined) continue;
    changedModules.push(module.name);
    rows += differed;
  }
  return { changedModules, rows, unchanged: changedModules.length === 0, left: plan.left };
}

/** The number of rows that differed on main, or undefined if nothing had to be done. */
async function applyModule(admin: AdminQuery, module: ModulePlan): Promise<number | undefined> {
  const { differences, write, load, save } = module;
  const onMain = total(await differing(admin, differences.main));
  const onDisk = total(await differing(admin, differences.disk));
  if (onMain === 0 && onDisk === 0) return undefined;
  if (onMain > 0) for (const statement of write) await admin.exec(statement);
  // Also when only the disk differs: then an earlier run ended before the SAVE, perhaps before the LOAD as well.
  if (load !== null) await admin.exec(load);
  await admin.exec(save);
  await prove(admin, module, "main");
  await prove(admin, module, "disk");
  return onMain;
}

async function prove(admin: AdminQuery, module: ModulePlan, layer: "main" | "disk"): Promise<void> {
  const differ = await differing(admin, module.differences[layer]);
  if (total(differ) === 0) return;
  const tables = Object.entries(differ).filter(([, count]) => count > 0);
  const names = layer === "main" && module.names !== null ? await admin.query(module.names) : [];
  const which = names.length > 0 ? ` (${names.map(({ name }) => name).join(", ")})` : "";
  const counts = tables.map(([table, count]) => `${table}: ${count}`).join(", ");
  throw new KnownError(
    "proxysql-unproven",
    `${module.name} is not as in the snapshot after ${layer === "main" ? "LOAD" : "SAVE"}: rows that differ in ${layer}: ${counts}${which}.`,
    { module: module.name, layer, differ },
  );
}

async function differing(admin: AdminQuery, sql: string): Promise<Record<string, number>> {
  const [row] = await admin.query(sql);
  const counts = Object.entries(row ?? {}).map(([table, count]) => [table, Number(count)] as const);
  if (counts.length === 0 || counts.some(([, count]) => !Number.isInteger(count))) {
    throw new KnownError("proxysql-unproven", "ProxySQL's admin gave no count of differing rows.", { row });
  }
  return Object.fromEntries(counts);
}

function total(counts: Readonly<Record<string, number>>): number {
  return Object.values(counts).reduce((sum, count) => sum + count, 0);
}

async function readPlan(admin: AdminQuery, database: string, keepLocal: KeepLocal): Promise<ApplyPlan> {
  const snapshot = await readShapes(admin, attachedName);
  if (!snapshot.some(({ name }) => name === "global_variables")) {
    throw new KnownError("proxysql-unproven", `ProxySQL does not see the tables of ${database}.`, {
      database,
    });
  }
  const main = await readShapes(admin, "main");
  const disk = await readShapes(admin, "disk");
  const prefixes = await admin.query(
    "SELECT DISTINCT substr(variable_name, 1, instr(variable_name, '-')) AS prefix FROM main.global_variables",
  );
  const variablePrefixes = prefixes.flatMap(({ prefix }) => prefix ?? []);
  return planApply({ main, disk, snapshot, variablePrefixes, keepLocal });
}

async function readShapes(admin: AdminQuery, schema: string): Promise<TableShape[]> {
  const rows = await admin.query(shapeQuery(schema));
  return shapesOf(
    rows.map(({ table_name, column_name, key_position }) => ({ table_name, column_name, key_position })),
  );
}

/** An agent that was killed while it applied leaves its snapshot attached, for all sessions of the admin. */
async function detachLeftover(admin: AdminQuery): Promise<void> {
  const databases = await admin.query("SHOW DATABASES");
  if (databases.some(({ name }) => name === attachedName)) await admin.exec(detachStatement);
}
