import type { OrchestratorLook, ServerKey } from "../orchestrator/types.js";
import { monotonic, wallClock } from "../platform/clock.js";
import { isKnown, KnownError, sentenceOf } from "../platform/errors.js";
import { applyFences } from "./apply.js";
import { isIsolated, type Silence } from "./isolation.js";
import { decide, judge, type KnownRole, type Verdict } from "./judge.js";
import { indexOf, type Latch } from "./latch.js";
import { adopted, pardonedBy, rebased, takenOver, unionOf } from "./latch-changes.js";
import { LatchKeeper, type LatchKeeperOptions } from "./latch-keeper.js";
import {
  type FenceAdmin,
  type FenceLook,
  type FenceShape,
  lookAtServers,
  readInUse,
  readShape,
} from "./look.js";
import { isNothing, planFences, type ServersSeen } from "./plan.js";
import { type ServerRow, serversOf } from "./rows.js";
import { sameServer, serverName } from "./server.js";
import { Severing } from "./severing.js";
import type { Topology } from "./topology.js";

export interface FencerOptions extends LatchKeeperOptions {
  readonly admin: FenceAdmin;
  readonly topology: Topology;
  readonly toOrchestrator: (server: ServerKey) => ServerKey;
  /** `hard`: the connections of a fenced server are ended as well. */
  readonly mode: "soft" | "hard";
  /** How long nobody in quorum may answer until everything is held; undefined: that holds nothing. */
  readonly isolationMs: number | undefined;
  /** Since when nobody in quorum has answered, by the monotonic clock, if that was before this process; ms. */
  readonly silentSince?: number;
  /** Runs what reads or changes ProxySQL's configuration as a whole, one at a time. */
  readonly exclusively: <T>(work: () => Promise<T>) => Promise<T>;
}

/** How ProxySQL may be touched now. */
export interface FencePass {
  /** ProxySQL's admin answers, and it is not just starting. */
  readonly usable: boolean;
  /** See `ApplyFences`. */
  readonly savesAll: boolean;
  /** ProxySQL's version: with another one, tables are looked at anew. */
  readonly version: string | null;
}

/** What is known of fencing now, for status, reasons and peers. */
export interface FenceState {
  /** The last look at Orchestrator; undefined before the first. */
  readonly look: OrchestratorLook | undefined;
  /** How long nobody in quorum has answered; 0 if the last look was answered. Milliseconds. */
  readonly silentForMs: number;
  readonly latch: Latch;
  /** ProxySQL's servers that Orchestrator has never heard of. */
  readonly unknown: readonly ServerKey[];
  /** Why ProxySQL does not keep to the latch, and for how long; ms. */
  readonly problem: { readonly sentence: string; readonly forMs: number } | null;
}

/**
 * Keeps servers that Orchestrator has given up on out of ProxySQL's use. Level-triggered: each pass asks what is, compares
 * it with ProxySQL, and brings that to it; whatever undid a fence is undone by the next pass.
 */
export class Fencer {
  readonly #options: FencerOptions;
  readonly #keeper: LatchKeeper;
  #silence: Silence;
  #look: OrchestratorLook | undefined;
  #servers: readonly ServerKey[] = [];
  #unknown: readonly ServerKey[] = [];
  #shape: { readonly version: string | null; readonly shape: FenceShape } | undefined;
  #problem: { readonly sentence: string; readonly since: number } | undefined;
  /** ProxySQL's disk may not be as its runtime: whoever changed it last has not come to the end, or was another process. */
  #unfinished: boolean;
  /** Of the pass that runs: whether a problem was met, so that one which goes on is as old as its first pass. */
  #failed = false;
  readonly #severing = new Severing();

  constructor(options: FencerOptions) {
    this.#options = options;
    this.#keeper = new LatchKeeper(options);
    this.#unfinished = this.#keeper.latch.rows.length > 0;
    this.#silence = { since: options.silentSince ?? monotonic(), why: null };
  }

  get state(): FenceState {
    return {
      look: this.#look,
      silentForMs: this.#silence.why === null ? 0 : monotonic() - this.#silence.since,
      latch: this.#keeper.latch,
      unknown: this.#unknown,
      problem: this.#problem
        ? { sentence: this.#problem.sentence, forMs: monotonic() - this.#problem.since }
        : null,
    };
  }

  get latch(): Latch {
    return this.#keeper.latch;
  }

  /** Asks Orchestrator and brings ProxySQL to what it says. Never rejects for what either of them does. */
  async pass(how: FencePass, signal?: AbortSignal): Promise<void> {
    const { topology } = this.#options;
    const look = await topology.look(this.#servers, this.#keeper.latch.fences.length > 0, signal);
    if (signal?.aborted) return;
    this.#hear(look);
    const { settled } = this.#keeper.latch;
    this.#failed = false;
    await this.#options.exclusively(async () => {
      if (!signal?.aborted) await this.#follow(how, look);
    });
    if (signal?.aborted) return;
    const fenced = this.#keeper.latch.fences.map(({ server }) => server);
    this.#severing.orderReplaced(this.#verdicts(look, fenced), settled);
    if (how.usable) await this.#severAll(signal);
    if (!this.#failed) this.#problem = undefined;
  }

  /** Asks ProxySQL for what a fence needs and what does not change: when one is wanted, there is no time to lose. */
  async prepare(how: FencePass): Promise<void> {
    if (!how.usable || this.#shape?.version === how.version) return;
    await this.#options.exclusively(async () => {
      try {
        await this.#shapeFor(how.version);
      } catch (error) {
        // The pass that needs it asks again, and tells.
        if (!isKnown(error)) throw error;
      }
    });
  }

  /**
   * Lifts a fence on an operator's word. `not-done` if it is not known what the server is now, unless `force`:
   * then its rows become what they were. What it was fenced for is no cause again until it has ended once.
   */
  async release(server: ServerKey, force: boolean, how: FencePass): Promise<KnownRole> {
    // As it is now: the last look may have been one without roles.
    const look = await this.#options.topology.look(this.#servers, true);
    this.#hear(look);
    return this.#options.exclusively(async () => {
      const fence = this.#keeper.latch.fences.find((one) => sameServer(one.server, server));
      if (fence === undefined)
        throw new KnownError("not-done", `${serverName(server)} is not fenced.`, { server });
      const role = this.#verdicts(look, [fence.server])[0]?.role ?? "unknown";
      if (role === "unknown" && !force) {
        throw new KnownError(
          "not-done",
          `${serverName(server)} stays fenced: Orchestrator does not say that it is a working replica or the master of its cluster. If you know better: \`fence release ${serverName(server)} --force\`.`,
          { server },
        );
      }
      const next: Latch = {
        ...this.#keeper.latch,
        fences: this.#keeper.latch.fences.filter((one) => one !== fence),
        pardoned: [...this.#keeper.latch.pardoned, fence.server],
      };
      this.#failed = false;
      await this.#bring(next, how, new Map([[serverName(server), role]]));
      if (this.#failed && this.#problem !== undefined)
        throw new KnownError("not-done", this.#problem.sentence);
      return role;
    });
  }

  /** Takes over what another node has fenced, until this one has an answer of its own. */
  adopt(servers: readonly ServerKey[], of: string): void {
    if (this.#look?.kind === "view" && this.#servers.length > 0) return;
    const isWell = (server: ServerKey): boolean => this.#isWell(server);
    const now = new Date(wallClock()).toISOString();
    this.#keep(adopted(this.#keeper.latch, { of, servers, isWell, now }));
  }

  /** By its own view. The peer's word may be some seconds old. */
  #isWell(server: ServerKey): boolean {
    if (this.#look === undefined) return false;
    return this.#verdicts(this.#look, [server]).some(
      ({ cause, role }) => cause === null && role !== "unknown",
    );
  }

  /**
   * An operator has released these on the active node: that goes for this one too, for as long as their cause lasts. What
   * was said `agoMs` ago says nothing of a fence that is newer than that: it may be for the next cause.
   */
  pardon(servers: readonly ServerKey[], agoMs = 0): void {
    this.#keep(pardonedBy(this.#keeper.latch, servers, wallClock() - agoMs));
  }

  /**
   * Fences what the last answer speaks against among servers that ProxySQL is about to be given. It may be away, and this
   * one may never have seen it: a host that has just come up, or the passive one in cold standby.
   */
  foresee(servers: readonly ServerKey[]): void {
    if (this.#look?.kind !== "view") return;
    const { view } = this.#look;
    const { latch } = this.#keeper;
    const { fences } = decide(
      latch,
      // Without roles a recovery says nothing of a server that may have come back since.
      this.#verdicts(this.#look, servers).filter(
        ({ cause }) => cause?.kind === "downtime" || view.instances !== null,
      ),
      new Date(wallClock()).toISOString(),
    );
    const all = unionOf(fences, latch.fences);
    if (all.length > latch.fences.length) this.#keep({ ...latch, fences: all });
  }

  /** Takes over what was fenced while this one did not run. */
  takeOver(other: Latch): void {
    this.#keep(takenOver(this.#keeper.latch, other));
  }

  /**
   * What the rows of the servers that are held are meant to be, by a configuration that is about to be put in place.
   * `keepsKnown`: a row that is known already keeps what it was, for that is not taken from there.
   */
  rebase(held: readonly ServerRow[], keepsKnown = false): void {
    this.#keep(rebased(this.#keeper.latch, held, keepsKnown));
  }

  #hear(look: OrchestratorLook): void {
    this.#look = look;
    if (look.kind === "view") this.#silence = { since: monotonic(), why: null };
    else this.#silence = { ...this.#silence, why: look.why };
  }

  async #follow(how: FencePass, look: OrchestratorLook): Promise<void> {
    try {
      let inUse: Pick<ServersSeen, "runtime" | "disk"> = { runtime: [] };
      let seen: FenceLook | undefined;
      if (how.usable) {
        const { fences, isolatedSince, rows } = this.#keeper.latch;
        // A look at all that a plan needs is the first step of a change; at rest less does.
        if (this.#isNews(look))
          seen = await lookAtServers(this.#options.admin, await this.#shapeFor(how.version));
        const withDisk = fences.length > 0 || isolatedSince !== null;
        inUse = seen ?? (await readInUse(this.#options.admin, withDisk));
        this.#servers = serversOf([...inUse.runtime, ...rows]);
      }
      const { next, roles } = this.#next(look, how.usable ? this.#servers : this.#everyServer());
      if (how.usable && (this.#unfinished || this.#differs(next, inUse, roles)))
        await this.#bring(next, how, roles, seen);
      else if (how.usable) this.#settle(next);
      else this.#wait(next);
    } catch (error) {
      this.#shape = undefined;
      this.#fail(error);
    }
  }

  /** Of the servers of the last pass one is to be held now that was not, or the other way round. */
  #isNews(look: OrchestratorLook): boolean {
    const { next } = this.#next(look, this.#everyServer());
    const { fences, isolatedSince } = this.#keeper.latch;
    return next.fences.length !== fences.length || next.isolatedSince !== isolatedSince;
  }

  #next(
    look: OrchestratorLook,
    servers: readonly ServerKey[],
  ): { next: Latch; roles: ReadonlyMap<string, KnownRole> } {
    const now = new Date(wallClock()).toISOString();
    const roles = new Map<string, KnownRole>();
    let next = this.#keeper.latch;
    if (look.kind === "view") {
      const verdicts = this.#verdicts(look, servers);
      if (verdicts.every(({ known }) => known !== null))
        this.#unknown = verdicts.filter(({ known }) => known === false).map(({ server }) => server);
      const { fences, lifted, pardoned, settled } = decide(next, verdicts, now);
      for (const { server, role } of lifted) roles.set(serverName(server), role);
      next = { ...next, fences, pardoned, settled, isolatedSince: null };
    }
    const { isolationMs } = this.#options;
    // What it means to be isolated was changed meanwhile: nothing is held for that any more.
    if (isolationMs === undefined) next = { ...next, isolatedSince: null };
    else if (isIsolated(this.#silence, monotonic(), isolationMs))
      next = { ...next, isolatedSince: next.isolatedSince ?? now };
    return { next, roles };
  }

  /** Those that ProxySQL had when it was seen last, which a node may never have done, and those that something is kept of. */
  #everyServer(): ServerKey[] {
    const { fences, rows, pardoned, settled } = this.#keeper.latch;
    return serversOf([
      ...this.#servers,
      ...fences.map(({ server }) => server),
      ...rows,
      ...pardoned,
      ...settled,
    ]);
  }

  /** By the look that is followed, and not by the last one: a release may have looked while a pass waited for its turn. */
  #verdicts(look: OrchestratorLook, servers: readonly ServerKey[]): Verdict[] {
    if (look.kind !== "view") return [];
    return judge(servers, look.view, this.#options.toOrchestrator, this.#keeper.latch.settled);
  }

  #differs(
    next: Latch,
    inUse: Pick<ServersSeen, "runtime" | "disk">,
    roles: ReadonlyMap<string, KnownRole>,
  ): boolean {
    return !isNothing(planFences(next, { ...inUse, memory: [], pairs: [] }, roles));
  }

  /** While it is being done the latch has both what was and what is to be: a crash in between leaves too much fenced. */
  async #bring(
    next: Latch,
    how: FencePass,
    roles: ReadonlyMap<string, KnownRole>,
    seen?: FenceLook,
  ): Promise<void> {
    this.#unfinished = true;
    try {
      const { plan } = await applyFences({
        admin: this.#options.admin,
        shape: await this.#shapeFor(how.version),
        latch: next,
        roles,
        ...(seen === undefined ? {} : { seen }),
        savesAll: how.savesAll,
        keep: (rows) =>
          this.#keep({ ...next, fences: unionOf(this.#keeper.latch.fences, next.fences), rows }),
      });
      if (this.#options.mode === "hard") for (const server of plan.fence) this.#severing.order(server, "all");
      this.#unfinished = false;
      this.#settle({ ...next, rows: plan.left });
    } catch (error) {
      this.#shape = undefined;
      this.#fail(error);
    }
  }

  async #shapeFor(version: string | null): Promise<FenceShape> {
    if (this.#shape === undefined || this.#shape.version !== version)
      this.#shape = { version, shape: await readShape(this.#options.admin) };
    return this.#shape.shape;
  }

  #settle(next: Latch): void {
    const index = indexOf(next);
    this.#keep({ ...next, rows: next.rows.filter((row) => index.holds(row)) });
  }

  /**
   * ProxySQL is away. Nothing is let go unseen: its disk still has what is to be undone, if it ever was there.
   */
  #wait(next: Latch): void {
    const { fences, isolatedSince, rows } = this.#keeper.latch;
    const onDisk = new Set(rows.map(serverName));
    const unseen = fences.filter(({ server }) => onDisk.has(serverName(server)));
    this.#keep({
      ...next,
      fences: unionOf(unseen, next.fences),
      isolatedSince: next.isolatedSince ?? (rows.length > 0 ? isolatedSince : null),
    });
  }

  #keep(next: Latch): void {
    const error = this.#keeper.keep(next);
    if (error !== undefined) this.#fail(error);
  }

  async #severAll(signal: AbortSignal | undefined): Promise<void> {
    const { holds } = indexOf(this.#keeper.latch);
    const problems = await this.#severing.run(this.#options.admin, holds, signal);
    for (const problem of problems) this.#fail(problem);
  }

  #fail(error: unknown): void {
    if (!isKnown(error)) throw error;
    this.#failed = true;
    this.#problem = { sentence: sentenceOf(error), since: this.#problem?.since ?? monotonic() };
  }
}
