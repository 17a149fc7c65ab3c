import { join } from "node:path";
import { vacuumInto } from "../proxysql/vacuum.js";
import { formatLineage } from "../role/lineage.js";
import { changeMark } from "../ship/change-watch.js";
import { isConfigured } from "../snapshot/emptiness.js";
import { keepFileSet } from "../snapshot/file-set.js";
import { inspectDatabase } from "../snapshot/inspect.js";
import type { AgentContext } from "./context.js";

/**
 * Before a snapshot is applied over a running ProxySQL: if its database was written to since we last knew what it
 * holds, and really says something else, it is copied aside and noted. Somebody edited where edits are not shipped. Returns where.
 */
export async function keepEdited({
  state,
  config,
  admin,
  staging,
  kept,
  journal,
  log,
  fencing,
}: AgentContext): Promise<string | undefined> {
  const { running } = state;
  if (running !== null && changeMark(config.proxysql.datadir) === state.mark) return undefined;
  const dir = await staging.make();
  try {
    const copy = join(dir, "proxysql.db");
    await staging.receive(copy, (path) => vacuumInto(admin, path));
    fencing?.lift(copy);
    const { shared, tables } = await inspectDatabase(copy);
    if (running === null ? !isConfigured(tables) : shared === running.content) return undefined;
    const target = await keepFileSet(dir, kept);
    const ours = running === null ? "unknown" : formatLineage(running.lineage);
    journal.addNote("local-edit-replaced", { ours, kept: target });
    log.warn(
      { ours, kept: target },
      "this passive node's configuration was edited here: kept aside and replaced",
    );
    return target ?? undefined;
  } finally {
    await staging.remove(dir);
  }
}
