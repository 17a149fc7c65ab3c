import { join } from "node:path";
import { isKnown } from "../platform/errors.js";
import { vacuumInto } from "../proxysql/vacuum.js";
import { changeMark } from "../ship/change-watch.js";
import { copyDatabaseFile } from "../snapshot/copy-database.js";
import { isConfigured } from "../snapshot/emptiness.js";
import { type Inspection, inspectDatabase } from "../snapshot/inspect.js";
import { databaseName } from "../snapshot/pack.js";
import type { AgentContext } from "./context.js";

/** What ProxySQL's database says, held against what we believe it says. */
export interface Identity {
  /** It differs from `running`, of which the store has a snapshot. */
  readonly drifted: boolean;
  /** Nothing is known of it, and it is not empty. */
  readonly foreign: boolean;
}

const asBelieved: Identity = { drifted: false, foreign: false };

/**
 * Finds out what a node that does not lead really holds, whenever its database was written to since we last knew. An
 * edit on a passive node would otherwise go live at the next failover under a verified snapshot's name. A node that
 * lost its journal finds its lineage again if a snapshot in its store says the same as its database.
 */
export class Identifier {
  readonly #node: AgentContext;
  #known: { mark: string; identity: Identity } | undefined;

  constructor(node: AgentContext) {
    this.#node = node;
  }

  /** `admin`: ProxySQL answers; otherwise it must be down, and its file is read. */
  async identify(admin: boolean): Promise<Identity> {
    const { state, config, configLock, trial, restore } = this.#node;
    // What leads changes all the time, and rightly. Only after a snapshot was given up it may be another's content, and
    // in a restore a mixture.
    if (state.leads !== null && trial.displaced === null && restore.current === null) return asBelieved;
    const mark = changeMark(config.proxysql.datadir);
    if (state.running !== null && mark === state.mark) return asBelieved;
    if (this.#known?.mark === mark) return this.#known.identity;
    return configLock.run(async () => {
      const inspection = await this.#inspect(admin);
      const identity = inspection === undefined ? asBelieved : await this.#compare(inspection, mark);
      this.#known = { mark, identity };
      return identity;
    });
  }

  async #inspect(admin: boolean): Promise<Inspection | undefined> {
    const { config, staging, admin: client, fencing } = this.#node;
    const original = join(config.proxysql.datadir, databaseName);
    if (!admin && !fencing?.alters) return sound(await inspectDatabase(original));
    const dir = await staging.make();
    try {
      const copy = join(dir, databaseName);
      if (admin) await staging.receive(copy, (path) => vacuumInto(client, path));
      else await copyDatabaseFile(original, copy);
      fencing?.lift(copy);
      const inspection = await inspectDatabase(copy);
      return admin ? inspection : sound(inspection);
    } finally {
      await staging.remove(dir);
    }
  }

  async #compare(inspection: Inspection, mark: string): Promise<Identity> {
    const { state, store, log, trial } = this.#node;
    const { running } = state;
    if (running !== null && running.content === inspection.shared) {
      state.sameAs(mark);
      return asBelieved;
    }
    const stored = await store.list();
    if (running !== null) {
      const { epoch, sequence, node } = running.lineage;
      const has = stored.some(
        ({ lineage: l }) => l.epoch === epoch && l.sequence === sequence && l.node === node,
      );
      return { drifted: has, foreign: false };
    }
    for (const { id } of stored.reverse()) {
      const manifest = await store.manifest(id).catch(passOver);
      if (manifest === undefined) continue;
      if (manifest.shared !== inspection.shared || !trial.allows(manifest.lineage)) continue;
      log.info(`the database here says what snapshot ${id} says: its lineage is ours`);
      state.holds(manifest, mark);
      return asBelieved;
    }
    // What was given up may still be in place: that is not an operator's own configuration.
    return { drifted: false, foreign: trial.displaced === null && isConfigured(inspection.tables) };
  }
}

function sound(inspection: Inspection): Inspection | undefined {
  return inspection.problems.length === 0 ? inspection : undefined;
}

/** One that is damaged, or has just been removed, must not hide those beside it: whoever brings it in judges it. */
function passOver(error: unknown): undefined {
  if (!isKnown(error)) throw error;
}
