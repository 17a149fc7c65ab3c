import { type CnfGroup, cnfGroup, cnfList, cnfText } from "./cnf.js";
import type { SqlConnection } from "./layers.js";
import type { Module } from "./modules.js";
import { literal } from "./sql-text.js";

/** Names of proxysql.cnf that differ from the columns (lib/ProxySQL_Config.cpp). */
const RENAMED: Readonly<Record<string, string>> = { address: "hostname", hostgroup: "hostgroup_id" };

/** Reads one module's section of proxysql.cnf into memory, replacing rows with the same key. Returns the rows read. */
export async function readCnfInto(module: Module, cnf: CnfGroup, main: SqlConnection): Promise<number> {
  if (module.kind === "variables") return readVariables(module.prefix, cnf, main);
  let count = 0;
  for (const table of module.tables) {
    for (const group of cnfList(cnf, table)) count += await readRow(table, group, main);
  }
  return count;
}

async function readVariables(prefix: string, cnf: CnfGroup, main: SqlConnection): Promise<number> {
  const section = cnfGroup(cnf, `${prefix.slice(0, -1)}_variables`) ?? {};
  let count = 0;
  for (const name of Object.keys(section)) {
    const value = cnfText(section, name);
    if (value === undefined) continue;
    const row = `${literal(prefix + name)}, ${literal(value)}`;
    await main.query(`INSERT OR REPLACE INTO main.global_variables VALUES (${row})`);
    count += 1;
  }
  return count;
}

async function readRow(table: string, group: CnfGroup, main: SqlConnection): Promise<number> {
  const info = await main.query(`SELECT name FROM pragma_table_info(${literal(table)}, 'main')`);
  const known = new Set(info.rows.map((row) => String(row[0])));
  const columns: string[] = [];
  const values: string[] = [];
  for (const name of Object.keys(group)) {
    const column = known.has(name) ? name : (RENAMED[name] ?? name);
    const value = group[name];
    if (!known.has(column) || value === undefined || typeof value === "object") continue;
    columns.push(column);
    values.push(typeof value === "boolean" ? String(Number(value)) : literal(String(value)));
  }
  if (columns.length === 0) return 0;
  const done = await main.execute(
    `INSERT OR REPLACE INTO main.${table} (${columns.join(",")}) VALUES (${values.join(",")})`,
  );
  return done ? 1 : 0;
}
