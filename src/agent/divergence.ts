import { join } from "node:path";
import { z } from "zod";
import type { Config } from "../config/schema.js";
import type { Journal } from "../journal/journal.js";
import type { PeerLink } from "../peer/link.js";
import { errorFields, inBackground } from "../platform/background.js";
import { monotonic, sleep, wallClock, withDeadline } from "../platform/clock.js";
import { sentenceOf } from "../platform/errors.js";
import type { Logger } from "../platform/log.js";
import { Mutex } from "../platform/mutex.js";
import { compareLineage, descendsFrom, formatLineage, type Lineage } from "../role/lineage.js";
import { type NodeState, rankOf } from "../ship/node-state.js";
import { readReport } from "../ship/peer-report.js";
import type { Staging } from "../ship/staging.js";
import { divergenceReport } from "../snapshot/divergence-report.js";
import { manifestSchema, snapshotId } from "../snapshot/manifest.js";
import type { Store } from "../snapshot/store.js";
import { type DivergenceDocument, writeDivergence } from "./divergence-file.js";
import { type Side, Sides } from "./divergence-sides.js";
import { isLost, whereTheyParted } from "./parting.js";
import type { PeerBoard } from "./peer-board.js";

/** Milliseconds. */
export interface DivergenceTimings {
  /** One report is made in well under a second; a disk that hangs must not keep the next from being tried. */
  readonly reportMs: number;
  /** Before another attempt: the peer may be on its way down, or up. After the last it is given up, and said. */
  readonly retryAfterMs: readonly number[];
  /** A node that has just installed what replaced its own has more urgent things to do. */
  readonly afterInstallMs: number;
  /** A node that has lost the role takes a last snapshot, which belongs into the report too. */
  readonly releaseMs: number;
}

const defaultTimings: DivergenceTimings = {
  reportMs: 180_000,
  retryAfterMs: [2_000, 10_000, 30_000, 60_000, 300_000],
  afterInstallMs: 1_000,
  releaseMs: 10_000,
};
const releasePollMs = 250;
const rememberedKeys = 100;

const { lineage } = manifestSchema.shape;
const jobSchema = z.discriminatedUnion("live", [
  z.object({ live: z.literal("ours"), peer: z.string(), theirs: lineage }),
  z.object({ live: z.literal("theirs"), ours: lineage, theirs: lineage }),
]);
/** One divergence. If ours is live the peer's last word is still to be fetched; if theirs is, both are here. */
type Job = z.infer<typeof jobSchema>;

const keptSchema = z.object({ done: z.array(z.string()), pending: z.array(jobSchema) });

export interface DivergenceDeps {
  readonly config: Pick<Config, "node">;
  readonly journal: Pick<Journal, "read" | "write" | "addNote">;
  readonly log: Logger;
  readonly state: Pick<NodeState, "running" | "leads">;
  readonly store: Store;
  readonly staging: Staging;
  readonly links: ReadonlyMap<string, PeerLink>;
  readonly board: Pick<PeerBoard, "ask" | "describe" | "views" | "onNews">;
  readonly timings?: Partial<DivergenceTimings>;
}

/**
 * Writes down, row by row, what each node changed when both did. Always in the background: no role is gained or lost
 * any later for it. Each divergence is reported once by either node, and one that was cut off is taken up again by the
 * next start.
 */
export class DivergenceReports {
  readonly #deps: DivergenceDeps;
  readonly #timings: DivergenceTimings;
  readonly #done: string[];
  readonly #pending = new Map<string, Job>();
  readonly #oneAtATime = new Mutex();
  readonly #stopping = new AbortController();
  readonly #stopped = new Promise<void>((resolve) => {
    this.#stopping.signal.addEventListener("abort", () => resolve(), { once: true });
  });
  readonly #work = new Map<string, Promise<void>>();

  constructor(deps: DivergenceDeps) {
    this.#deps = deps;
    this.#timings = { ...defaultTimings, ...deps.timings };
    const kept = keptSchema.safeParse(deps.journal.read("divergence")).data;
    this.#done = kept?.done ?? [];
    for (const job of kept?.pending ?? []) this.#pending.set(keyOf(job), job);
    deps.board.onNews((name) => this.#look(name));
  }

  /** Takes up what an earlier process did not finish. */
  start(): void {
    for (const [key, job] of this.#pending) this.#begin(key, job);
  }

  /** What is under way is given up at once, and taken up by the next start. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    await Promise.allSettled(this.#work.values());
  }

  /** This node leads, and a peer holds a line of its own that ours does not have. */
  rival(peer: string, theirs: Lineage): void {
    this.#add({ live: "ours", peer, theirs });
  }

  /** What this node ran is being replaced by a peer's snapshot, into which it never went. */
  superseded(ours: Lineage, theirs: Lineage): void {
    this.#add({ live: "theirs", ours, theirs });
  }

  /** A peer of a lower line takes what we send without our plan having to do anything; what it loses is told all the same. */
  #look(name: string): void {
    const { board, state } = this.#deps;
    const { running, leads } = state;
    const peer = board.views().find((view) => view.name === name);
    if (leads === null || running === null || !peer?.reachable || peer.running === null) return;
    if (peer.role !== "BACKUP" && peer.role !== "INIT") return;
    if (compareLineage(peer.running, running.lineage) >= 0 || descendsFrom(running, peer.running)) return;
    this.rival(name, peer.running);
  }

  #add(job: Job): void {
    const key = keyOf(job);
    if (this.#done.includes(key) || this.#pending.has(key)) return;
    this.#pending.set(key, job);
    this.#keep();
    this.#begin(key, job);
  }

  #begin(key: string, job: Job): void {
    if (this.#work.has(key)) return;
    const work = this.#pursue(key, job);
    this.#work.set(key, work);
    inBackground(this.#deps.log, "reporting a divergence", work);
  }

  async #pursue(key: string, job: Job): Promise<void> {
    const { signal } = this.#stopping;
    for (const waitMs of [...this.#timings.retryAfterMs, undefined]) {
      try {
        const made = this.#oneAtATime.run(() => this.#report(job));
        await Promise.race([made, this.#stopped]);
        if (signal.aborted) return;
        return this.#finish(key, true);
      } catch (error) {
        if (signal.aborted) return;
        if (waitMs === undefined) return this.#giveUp(key, job, error);
        this.#deps.log.debug(`a divergence could not be reported yet: ${sentenceOf(error)}`);
        await sleep(waitMs, signal);
      }
      if (signal.aborted) return;
    }
  }

  #giveUp(key: string, job: Job, error: unknown): void {
    const { journal, log } = this.#deps;
    journal.addNote("divergence-not-reported", { ...job, error: sentenceOf(error) });
    log.error({ divergence: key, ...errorFields(error) }, "a divergence could not be reported row by row");
    this.#finish(key, false);
  }

  #finish(key: string, done: boolean): void {
    this.#pending.delete(key);
    this.#work.delete(key);
    if (done) this.#done.push(key);
    this.#done.splice(0, this.#done.length - rememberedKeys);
    this.#keep();
  }

  #keep(): void {
    try {
      const kept = { done: this.#done, pending: [...this.#pending.values()] };
      this.#deps.journal.write({ divergence: kept });
    } catch (error) {
      this.#deps.log.error(errorFields(error), "the reports of divergence could not be kept for a restart");
    }
  }

  async #report(job: Job): Promise<void> {
    const { config, journal, log } = this.#deps;
    const sides = new Sides(this.#deps);
    try {
      const { signal } = this.#stopping;
      if (job.live === "theirs") await sleep(this.#timings.afterInstallMs, signal);
      if (signal.aborted) return;
      const compared = this.#compare(job, sides);
      const made = await withDeadline(compared, this.#timings.reportMs, "Reporting a divergence");
      if (made === undefined || signal.aborted) return;
      const path = await writeDivergence(join(config.node.state_dir, "divergence"), made);
      const fields = {
        path,
        peer: made.peer,
        live: made.live,
        ours: made.ours.text,
        theirs: made.theirs.text,
        base: made.base?.text ?? null,
      };
      journal.addNote("divergence-report", fields);
      log.error(fields, "configurations diverged: a report lists what each node changed");
    } finally {
      await sides.end();
    }
  }

  /** The report, or undefined if nothing was lost after all. */
  async #compare(job: Job, sides: Sides): Promise<DivergenceDocument | undefined> {
    const peer = job.live === "ours" ? job.peer : job.theirs.node;
    const link = this.#deps.links.get(peer);
    const pair = job.live === "ours" ? await this.#oursLive(job, sides) : await this.#theirsLive(job, sides);
    if (pair === undefined) return undefined;
    const [ours, theirs] = [rankOf(pair.ours.manifest), rankOf(pair.theirs.manifest)];
    if (job.live === "ours" ? !isLost(theirs, ours) : !isLost(ours, theirs)) return undefined;
    const base = await sides.base(pair.ours.manifest, pair.theirs.manifest, link);
    const parted = whereTheyParted(ours, theirs);
    return {
      schema: "proxysql-carp/divergence/v1",
      at: new Date(wallClock()).toISOString(),
      node: this.#deps.config.node.name,
      peer,
      live: job.live,
      ours: withText(ours.lineage),
      theirs: withText(theirs.lineage),
      base: base && withText(base.manifest.lineage),
      parted: parted && withText(parted),
      changes: await divergenceReport({
        base: base?.database ?? null,
        ours: pair.ours.database,
        theirs: pair.theirs.database,
      }),
    };
  }

  async #oursLive(job: Job & { live: "ours" }, sides: Sides): Promise<Pair | undefined> {
    const { links, store, state } = this.#deps;
    const link = links.get(job.peer);
    if (link === undefined) return undefined;
    await this.#untilReleased(job.peer);
    const listed = (await link.list()).filter(
      ({ lineage: { epoch, node } }) => epoch === job.theirs.epoch && node === job.theirs.node,
    );
    const last = listed.sort((a, b) => compareLineage(b.lineage, a.lineage))[0];
    const { running } = state;
    const own = (await store.list()).filter(
      (stored) => running !== null && descendsFrom(running, stored.lineage),
    );
    const ours = own.at(-1);
    if (last === undefined || ours === undefined) return undefined;
    return { ours: await sides.own(ours.id), theirs: await sides.fetched(link, last.id) };
  }

  async #theirsLive(job: Job & { live: "theirs" }, sides: Sides): Promise<Pair | undefined> {
    // An epoch without a snapshot has changed nothing.
    if (job.ours.sequence === 0) return undefined;
    return { ours: await sides.own(snapshotId(job.ours)), theirs: await sides.own(snapshotId(job.theirs)) };
  }

  async #untilReleased(peer: string): Promise<void> {
    const { board } = this.#deps;
    const end = monotonic() + this.#timings.releaseMs;
    for (;;) {
      await board.ask(peer);
      const leads = readReport(board.describe(peer).status?.report)?.leads ?? null;
      if (leads === null || monotonic() > end || this.#stopping.signal.aborted) return;
      await sleep(releasePollMs, this.#stopping.signal);
    }
  }
}

interface Pair {
  readonly ours: Side;
  readonly theirs: Side;
}

/** An epoch ends with the role, so that one key stands for all that was changed in it. */
function keyOf(job: Job): string {
  const lost = job.live === "ours" ? job.theirs : job.ours;
  return `${lost.epoch}@${lost.node}, live ${job.live}`;
}

function withText(of: Lineage) {
  return { ...of, text: formatLineage(of) };
}
