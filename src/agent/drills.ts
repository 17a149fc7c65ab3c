import { type ScheduledTask, schedule } from "node-cron";
import { z } from "zod";
import { errorFields, inBackground } from "../platform/background.js";
import { monotonic, wallClock } from "../platform/clock.js";
import { isKnown, KnownError } from "../platform/errors.js";
import type { NodeRole } from "../role/carp-role.js";
import { readDefinitions } from "../snapshot/definitions.js";
import { type DrillResult, drill } from "../snapshot/drill.js";
import { refusalOf } from "../snapshot/refusal.js";
import { unpackVerified } from "./configuration-steps.js";
import type { AgentContext } from "./context.js";

const recordSchema = z.object({
  /** When it began; ISO 8601. */
  at: z.string(),
  /** The snapshot's id; null if there was none. */
  snapshot: z.string().nullable(),
  ok: z.boolean(),
  /** False if nothing can be said of the restore: no snapshot, given up, no room for it. `why` tells. */
  judged: z.boolean(),
  /** All of it, in milliseconds. */
  ms: z.number(),
  /** From ProxySQL's start until it served the snapshot, in milliseconds; null if it never did. */
  startMs: z.number().nullable(),
  why: z.string().nullable(),
  /** How a first start ended, if a signal ended it and there was a second; see `DrillResult`. */
  firstDeath: z.string().nullable().optional(),
});

/** How a restore drill went. */
export type DrillRecord = Readonly<z.infer<typeof recordSchema>>;

/** What of the agent a drill needs. */
export type DrillNode = Pick<
  AgentContext,
  "config" | "log" | "journal" | "store" | "staging" | "keepLocal" | "maintenance" | "proxysqlOwner"
>;

type Outcome = Omit<DrillRecord, "at" | "snapshot" | "ms">;

/**
 * Tries a restore of the newest snapshot aside, by schedule on a passive node, and when asked. One at a time. It holds no
 * lock, and is given up at once when this node becomes MASTER: no promotion waits for it.
 */
export class Drills {
  readonly #node: DrillNode;
  #task: ScheduledTask | undefined;
  #role: NodeRole = "unknown";
  #last: DrillRecord | null;
  #started = false;
  #running: { readonly giveUp: AbortController; readonly done: Promise<DrillRecord> } | undefined;

  constructor(node: DrillNode) {
    this.#node = node;
    // A record that cannot be understood is another version's: the next drill replaces it.
    this.#last = recordSchema.safeParse(node.journal.read("drill")).data ?? null;
  }

  /** The last drill that told something of the restore. Survives restarts. */
  get last(): DrillRecord | null {
    return this.#last;
  }

  /** True if none runs now. */
  get isIdle(): boolean {
    return this.#running === undefined;
  }

  /** The role as it was just seen. A drill that runs when it becomes MASTER is given up. */
  roleSeen(role: NodeRole): void {
    if (role === "MASTER" && this.#role !== "MASTER") this.#running?.giveUp.abort();
    this.#role = role;
  }

  /** Begins the schedule. Only then is the staging directory swept of what an agent before us has left. */
  start(): void {
    const { config, log } = this.#node;
    this.#started = true;
    this.#task ??= schedule(config.snapshots.drill_schedule, () => {
      if (this.#isWanted()) inBackground(log, "the restore drill", this.run());
    });
  }

  /** Ends the schedule, and a drill that runs. */
  async stop(): Promise<void> {
    await this.#task?.destroy();
    this.#running?.giveUp.abort();
    await this.#running?.done.catch(() => undefined);
  }

  /** One drill. While another runs it is refused (`not-done`). */
  async run(): Promise<DrillRecord> {
    if (!this.#started)
      throw new KnownError("not-done", "The agent is starting: try the drill again in a moment.");
    if (this.#running) throw new KnownError("not-done", "A restore drill is under way: wait for its end.");
    const giveUp = new AbortController();
    const done = this.#drillNewest(giveUp.signal);
    this.#running = { giveUp, done };
    try {
      return await done;
    } finally {
      this.#running = undefined;
    }
  }

  /** By schedule only where clients are not, and where no operator is at work. */
  #isWanted(): boolean {
    const passive = this.#role === "BACKUP" || this.#role === "INIT";
    return passive && this.#running === undefined && this.#node.maintenance.view() === null;
  }

  async #drillNewest(signal: AbortSignal): Promise<DrillRecord> {
    const at = new Date(wallClock()).toISOString();
    const began = monotonic();
    const snapshot = (await this.#node.store.latest())?.manifest.id ?? null;
    const outcome =
      snapshot === null
        ? unjudged("There is no snapshot yet that could be restored.")
        : await this.#tryRestore(snapshot, signal);
    const record = { at, snapshot, ...outcome, ms: monotonic() - began };
    this.#keep(record);
    return record;
  }

  async #tryRestore(id: string, signal: AbortSignal): Promise<Outcome> {
    try {
      return { ...(await this.#restoreAside(id, signal)), judged: true };
    } catch (error) {
      if (signal.aborted) return unjudged("The drill was given up: the role came, or the agent stops.");
      const refusal = refusalOf(error);
      if (refusal !== undefined) {
        const why = `The snapshot is bad (${refusal.cause}): ${refusal.sentence}`;
        return { ok: false, judged: true, startMs: null, why };
      }
      if (isKnown(error)) return unjudged(error.message);
      this.#node.log.error(errorFields(error), "the restore drill stumbled");
      return unjudged("The drill stumbled over a bug or the system: the log has it.");
    }
  }

  async #restoreAside(id: string, signal: AbortSignal): Promise<Omit<DrillResult, "ms">> {
    const { staging, config, keepLocal, proxysqlOwner } = this.#node;
    const [unpackedDir, scratch] = [await staging.make(), await staging.make()];
    try {
      const manifest = await unpackVerified(this.#node, id, unpackedDir);
      const { ms: _, ...result } = await drill({
        program: config.proxysql.program,
        unpackedDir,
        scratch,
        manifest,
        definitions: (await readDefinitions(config.node.state_dir))?.tables,
        owner: await proxysqlOwner(),
        keepLocal,
        startTimeoutMs: config.proxysql.start_timeout,
        signal,
      });
      return result;
    } finally {
      await staging.remove(scratch);
      await staging.remove(unpackedDir);
    }
  }

  /** What could not be judged is told and does not take the place of what is known. */
  #keep(record: DrillRecord): void {
    const { journal, log } = this.#node;
    const { snapshot, ok, judged, ms, startMs, why, firstDeath } = record;
    journal.addNote(judged ? (ok ? "drill-passed" : "drill-failed") : "drill-not-judged", record);
    if (!judged) {
      log.warn({ snapshot, why }, "the restore drill could not be judged");
      return;
    }
    this.#last = record;
    if (firstDeath)
      log.warn({ snapshot, firstDeath }, "ProxySQL died at its first start in the restore drill");
    if (ok)
      log.info(
        { snapshot, ms: Math.round(ms), startMs: Math.round(startMs ?? 0) },
        "the restore drill passed",
      );
    else log.error({ snapshot, why }, "the restore drill failed");
    try {
      journal.write({ drill: record });
    } catch (error) {
      // A full disk must not turn a drill that went well into one that did not.
      log.error(errorFields(error), "the drill's result cannot be kept");
    }
  }
}

function unjudged(why: string): Outcome {
  return { ok: false, judged: false, startMs: null, why };
}
