import type { Config } from "../config/schema.js";
import type { Journal } from "../journal/journal.js";
import { monotonic } from "../platform/clock.js";
import { isKnown } from "../platform/errors.js";
import type { Logger } from "../platform/log.js";
import type { Mutex } from "../platform/mutex.js";
import type { AdminClient } from "../proxysql/admin-client.js";
import { vacuumInto } from "../proxysql/vacuum.js";
import { readDefinitions } from "../snapshot/definitions.js";
import { type Manifest, snapshotId } from "../snapshot/manifest.js";
import type { Store } from "../snapshot/store.js";
import { takeSnapshot } from "../snapshot/take.js";
import { changeMark } from "./change-watch.js";
import type { NodeState } from "./node-state.js";
import type { Staging } from "./staging.js";

export interface TakeDeps {
  readonly config: Config;
  readonly state: NodeState;
  readonly store: Store;
  readonly admin: AdminClient;
  readonly journal: Journal;
  readonly log: Logger;
  readonly configLock: Mutex;
  readonly staging: Staging;
  /** What ProxySQL has on its disk is a mixture just now: a restore is under way. */
  readonly isHeld: () => boolean;
  /** Takes this node's fences out of a copy of ProxySQL's database. */
  readonly lift: (file: string) => void;
}

/**
 * Takes the next snapshot of `epoch`, unless the configuration is as in the one before, the epoch has ended while we
 * waited, or a restore is under way. `accept`: an operator says that an emptiness is meant; `evenIfUnchanged`: and a peer
 * refuses the one before. With ProxySQL up it goes through its admin, otherwise straight from the file.
 */
export function takeOne(
  deps: TakeDeps,
  epoch: number,
  signal: AbortSignal,
  accept = false,
  evenIfUnchanged = false,
): Promise<Manifest | undefined> {
  return deps.configLock.run(async () => {
    const { state, config, store, journal, staging, log } = deps;
    const running = state.running;
    if (signal.aborted || deps.isHeld() || state.leads !== epoch || running === null) return undefined;
    const began = monotonic();
    // Before the copy: a change that comes while we copy then shows as a mark that moved on.
    const mark = changeMark(config.proxysql.datadir);
    const before = (await store.latest())?.manifest;
    const first = running.lineage.sequence === 0;
    // Damaged and put aside: nobody has what runs here, however little it differs from the one before.
    const lost = !(await store.list()).some(({ id }) => id === snapshotId(running.lineage));
    const taken = await takeSnapshot({
      ...(await wayIn(deps)),
      datadir: config.proxysql.datadir,
      staging: await staging.open(),
      store,
      lineage: { epoch, sequence: running.lineage.sequence + 1, node: config.node.name },
      ancestry: running.ancestry,
      before,
      definitions: await readDefinitions(config.node.state_dir),
      evenIfUnchanged: first || lost || evenIfUnchanged,
      accept,
      lift: deps.lift,
    });
    for (const warning of taken.warnings)
      log.warn({ warning }, "something about the snapshot is worth a look");
    if (taken.unchanged) return undefined;
    state.holds(taken.manifest, mark);
    journal.addSnapshot({ snapshot: taken.manifest.id, event: "taken", ms: monotonic() - began });
    return taken.manifest;
  });
}

/** How to copy the database now: through the admin if it answers, else from the file. */
async function wayIn({ admin, staging }: Pick<TakeDeps, "admin" | "staging">): Promise<{
  via: { vacuumInto(path: string): Promise<void> } | null;
  proxysqlVersion: string | null;
}> {
  try {
    const [row] = await admin.query("SELECT @@version", 2_000);
    return {
      via: { vacuumInto: (to) => staging.receive(to, (path) => vacuumInto(admin, path)) },
      proxysqlVersion: Object.values(row ?? {})[0] ?? null,
    };
  } catch (error) {
    if (!isKnown(error, "proxysql-unreachable")) throw error;
    return { via: null, proxysqlVersion: null };
  }
}
