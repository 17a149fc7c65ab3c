import { printable } from "../platform/printable.js";
import type { AdminClient } from "./admin-client.js";
import { type AdminTable, comparisons, countQuery, type DriftLayer, exampleQuery } from "./drift-queries.js";
import { readAdminTables } from "./table-shapes.js";

/** Rows of one table that are not the same in two layers of ProxySQL. */
export interface Drift {
  /** Variables are told by module, as `mysql-variables`. */
  readonly table: string;
  /** `memory`: not as on disk. `runtime`: not as in memory. */
  readonly layer: DriftLayer;
  readonly rows: number;
  /** Names of some: keys, never values. */
  readonly examples: readonly string[];
}

const exampleLimit = 3;
/** Comparing takes milliseconds; nobody else shall wait longer for the admin because of it. */
const deadlineMs = 1_000;

/** Finds what ProxySQL runs or has in memory and not on its disk. Keeps the tables' shapes until the version changes. */
export class DriftFinder {
  readonly #admin: AdminClient;
  #shapes: { version: string; main: AdminTable[]; disk: AdminTable[] } | undefined;

  constructor(admin: AdminClient) {
    this.#admin = admin;
  }

  /** `active`: jobs are meant to run here. Errors are the admin's. */
  async find(version: string, active: boolean): Promise<Drift[]> {
    const { main, disk } = await this.#shapesOf(version);
    const all = comparisons({ main, disk, active });
    const rows = all.length === 0 ? [] : await this.#admin.query(countQuery(all), deadlineMs);
    const found: Drift[] = [];
    for (const row of rows) {
      const comparison = all.find(({ table, layer }) => table === row.table_name && layer === row.layer_name);
      if (comparison === undefined) continue;
      const named = await this.#admin.query(exampleQuery(comparison, exampleLimit), deadlineMs);
      const examples = named.map((one) => printable(Object.values(one).join(":")));
      const { table, layer } = comparison;
      found.push({ table, layer, rows: Number(row.row_count), examples });
    }
    return [...found, ...(await this.#variables("memory")), ...(await this.#variables("runtime"))];
  }

  /** Variables that both layers know: one that only one has belongs to another version of ProxySQL. */
  async #variables(layer: DriftLayer): Promise<Drift[]> {
    const other = layer === "memory" ? "disk.global_variables" : "main.runtime_global_variables";
    const rows = await this.#admin.query(
      `SELECT m.variable_name AS name FROM main.global_variables m JOIN ${other} o ON o.variable_name = m.variable_name ` +
        "WHERE m.variable_value IS NOT o.variable_value AND m.variable_name <> 'admin-version' ORDER BY 1",
      deadlineMs,
    );
    const modules = new Map<string, string[]>();
    for (const { name } of rows) {
      const module = name?.split("-")[0] ?? "";
      modules.set(module, [...(modules.get(module) ?? []), printable(name ?? "")]);
    }
    return [...modules].map(([module, names]) => ({
      table: `${module}-variables`,
      layer,
      rows: names.length,
      examples: names.slice(0, exampleLimit),
    }));
  }

  async #shapesOf(version: string): Promise<{ main: AdminTable[]; disk: AdminTable[] }> {
    if (this.#shapes?.version !== version) {
      const main = await readAdminTables(this.#admin, "main", deadlineMs);
      const disk = await readAdminTables(this.#admin, "disk", deadlineMs);
      this.#shapes = { version, main, disk };
    }
    return this.#shapes;
  }
}
