import type { OrchestratorLook, ServerKey } from "../orchestrator/types.js";
import { monotonic, wallClock } from "../platform/clock.js";
import { isKnown, KnownError, sentenceOf } from "../platform/errors.js";
import { applyFences } from "./apply.js";
import { isIsolated, type Silence } from "./isolation.js";
import { decide, judge, type KnownRole, type Verdict } from "./judge.js";
import { type Fence, indexOf, isIdle, type Latch, readLatch } from "./latch.js";
import { type FenceAdmin, type FenceShape, readRuntime, readShape } from "./look.js";
import { isNothing, planFences } from "./plan.js";
import { type ServerRow, serversOf } from "./rows.js";
import { sameServer, serverName } from "./server.js";
import { Severing } from "./severing.js";
import type { Topology } from "./topology.js";

export interface FencerOptions {
  readonly admin: FenceAdmin;
  readonly topology: Topology;
  readonly toOrchestrator: (server: ServerKey) => ServerKey;
  /** `hard`: the connections of a fenced server are ended as well. */
  readonly mode: "soft" | "hard";
  /** How long nobody in quorum may answer until everything is held; undefined: that holds nothing. */
  readonly isolationMs: number | undefined;
  /** Since when nobody in quorum has answered, by the monotonic clock, if that was before this process; ms. */
  readonly silentSince?: number;
  /** `file`: what an error about the record names. */
  readonly keeper: { readonly file: string; read(): unknown; write(latch: Latch): void };
  /** Runs what reads or changes ProxySQL's configuration as a whole, one at a time. */
  readonly exclusively: <T>(work: () => Promise<T>) => Promise<T>;
  /** Something that people want to find later. */
  readonly note: (
    kind: "fenced" | "released" | "isolated" | "isolation-over",
    detail: Record<string, unknown>,
  ) => void;
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
  #latch: Latch;
  #silence: Silence;
  #look: OrchestratorLook | undefined;
  #servers: readonly ServerKey[] = [];
  #unknown: readonly ServerKey[] = [];
  #shape: { readonly version: string | null; readonly shape: FenceShape } | undefined;
  #problem: { readonly sentence: string; readonly since: number } | undefined;
  #unsaved = false;
  readonly #severing = new Severing();

  constructor(options: FencerOptions) {
    const latch = readLatch(options.keeper.read());
    if (latch === undefined)
      throw new KnownError(
        "state-damaged",
        `${options.keeper.file}: the record of what is fenced cannot be understood.`,
      );
    this.#options = options;
    this.#latch = latch;
    this.#silence = { since: options.silentSince ?? monotonic(), why: null };
  }

  get state(): FenceState {
    return {
      look: this.#look,
      silentForMs: this.#silence.why === null ? 0 : monotonic() - this.#silence.since,
      latch: this.#latch,
      unknown: this.#unknown,
      problem: this.#problem
        ? { sentence: this.#problem.sentence, forMs: monotonic() - this.#problem.since }
        : null,
    };
  }

  get latch(): Latch {
    return this.#latch;
  }

  /** Asks Orchestrator and brings ProxySQL to what it says. Never rejects for what either of them does. */
  async pass(how: FencePass, signal?: AbortSignal): Promise<void> {
    const { topology } = this.#options;
    const look = await topology.look(this.#servers, this.#latch.fences.length > 0, signal);
    if (signal?.aborted) return;
    this.#hear(look);
    const { settled } = this.#latch;
    await this.#options.exclusively(() => this.#followUnlessAborted(how, signal));
    if (signal?.aborted) return;
    const fenced = this.#latch.fences.map(({ server }) => server);
    this.#severing.orderReplaced(this.#verdicts(fenced), settled);
    if (how.usable) await this.#severAll(signal);
  }

  /** Brings ProxySQL to the latch as it is, without asking anybody: after a configuration was put in place. */
  async assert(how: FencePass): Promise<void> {
    await this.#options.exclusively(() => this.#follow(how, undefined));
  }

  /**
   * Lifts a fence on an operator's word. `fence-role-unknown` if it is not known what the server is now, unless `force`:
   * then its rows become what they were. What it was fenced for is no cause again until it has ended once.
   */
  async release(server: ServerKey, force: boolean, how: FencePass): Promise<KnownRole> {
    return this.#options.exclusively(async () => {
      const fence = this.#latch.fences.find((one) => sameServer(one.server, server));
      if (fence === undefined)
        throw new KnownError("not-done", `${serverName(server)} is not fenced.`, { server });
      const role = this.#verdicts([fence.server])[0]?.role ?? "unknown";
      if (role === "unknown" && !force) {
        throw new KnownError(
          "not-done",
          `${serverName(server)} stays fenced: Orchestrator does not say that it is a working replica or the master of its cluster.`,
          { server },
        );
      }
      const next: Latch = {
        ...this.#latch,
        fences: this.#latch.fences.filter((one) => one !== fence),
        pardoned: [...this.#latch.pardoned, fence.server],
      };
      await this.#bring(next, how, new Map([[serverName(server), role]]));
      if (this.#problem !== undefined) throw new KnownError("not-done", this.#problem.sentence);
      return role;
    });
  }

  /** Takes over what another node has fenced, until this one has an answer of its own. */
  adopt(servers: readonly ServerKey[], of: string): void {
    if (this.#look?.kind === "view" && this.#servers.length > 0) return;
    const index = indexOf(this.#latch);
    const pardoned = new Set(this.#latch.pardoned.map(serverName));
    const news = servers.filter((server) => !index.fenceOf(server) && !pardoned.has(serverName(server)));
    if (news.length === 0) return;
    const since = new Date(wallClock()).toISOString();
    const cause = { kind: "peer", detail: `fenced by ${of}`, successor: null } as const;
    const fences = [
      ...this.#latch.fences,
      ...news.map((server) => ({ server: { ...server }, cause, since })),
    ];
    this.#keep({ ...this.#latch, fences });
  }

  /** An operator has released these on the active node: that goes for this one too, for as long as their cause lasts. */
  pardon(servers: readonly ServerKey[]): void {
    const index = indexOf(this.#latch);
    const pardoned = servers.filter((server) => index.fenceOf(server));
    if (pardoned.length > 0)
      this.#keep({
        ...this.#latch,
        pardoned: [...this.#latch.pardoned, ...pardoned.map((one) => ({ ...one }))],
      });
  }

  /** Takes over what was fenced while this one did not run. */
  takeOver(other: Latch): void {
    const index = indexOf(this.#latch);
    this.#keep({
      fences: union(other.fences, this.#latch.fences),
      isolatedSince: this.#latch.isolatedSince ?? other.isolatedSince,
      rows: [...this.#latch.rows, ...other.rows.filter((row) => !index.knows(row))],
      pardoned: this.#latch.pardoned,
      settled: this.#latch.settled,
    });
  }

  /** What the rows of the servers that are held are meant to be, by a configuration that is about to be put in place. */
  rebase(rows: readonly ServerRow[]): void {
    if (rows.length === 0) return;
    const named = new Set(rows.map(serverName));
    this.#keep({
      ...this.#latch,
      rows: [...this.#latch.rows.filter((row) => !named.has(serverName(row))), ...rows],
    });
  }

  #hear(look: OrchestratorLook): void {
    this.#look = look;
    if (look.kind === "view") this.#silence = { since: monotonic(), why: null };
    else this.#silence = { ...this.#silence, why: look.why };
  }

  async #followUnlessAborted(how: FencePass, signal: AbortSignal | undefined): Promise<void> {
    if (!signal?.aborted) await this.#follow(how, this.#look);
  }

  async #follow(how: FencePass, look: OrchestratorLook | undefined): Promise<void> {
    try {
      let runtime: readonly ServerRow[] = [];
      if (how.usable) {
        runtime = await readRuntime(this.#options.admin);
        this.#servers = serversOf([...runtime, ...this.#latch.rows]);
      }
      const { next, roles } = this.#next(look);
      if (how.usable && this.#differs(next, runtime, roles)) await this.#bring(next, how, roles);
      else if (how.usable || isIdle(this.#latch)) this.#settle(next);
      // Nothing is lifted unseen while ProxySQL is away: its disk still has what is to be undone.
      else this.#settle({ ...next, fences: union(this.#latch.fences, next.fences) });
    } catch (error) {
      this.#fail(error);
    }
  }

  #next(look: OrchestratorLook | undefined): { next: Latch; roles: ReadonlyMap<string, KnownRole> } {
    const now = new Date(wallClock()).toISOString();
    const roles = new Map<string, KnownRole>();
    let next = this.#latch;
    if (look?.kind === "view") {
      const verdicts = this.#verdicts(this.#servers);
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

  #verdicts(servers: readonly ServerKey[]): Verdict[] {
    if (this.#look?.kind !== "view") return [];
    return judge(servers, this.#look.view, this.#options.toOrchestrator, this.#latch.settled);
  }

  #differs(next: Latch, runtime: readonly ServerRow[], roles: ReadonlyMap<string, KnownRole>): boolean {
    return !isNothing(planFences(next, { runtime, memory: [], pairs: [] }, roles));
  }

  /** While it is being done the latch has both what was and what is to be: a crash in between leaves too much fenced. */
  async #bring(next: Latch, how: FencePass, roles: ReadonlyMap<string, KnownRole>): Promise<void> {
    try {
      const { plan } = await applyFences({
        admin: this.#options.admin,
        shape: await this.#shapeFor(how.version),
        latch: next,
        roles,
        savesAll: how.savesAll,
        keep: (rows) => this.#keep({ ...next, fences: union(this.#latch.fences, next.fences), rows }),
      });
      if (this.#options.mode === "hard") for (const server of plan.fence) this.#severing.order(server, "all");
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
    this.#problem = undefined;
    const index = indexOf(next);
    this.#keep({ ...next, rows: next.rows.filter((row) => index.holds(row)) });
  }

  #keep(next: Latch): void {
    const before = this.#latch;
    this.#latch = next;
    if (JSON.stringify(before) !== JSON.stringify(next)) {
      this.#unsaved = true;
      this.#tell(before, next);
    }
    this.#save();
  }

  /** What cannot be written down is done all the same, and written when it can be: a dead primary does not wait. */
  #save(): void {
    if (!this.#unsaved) return;
    try {
      this.#options.keeper.write(this.#latch);
      this.#unsaved = false;
    } catch (error) {
      this.#fail(new KnownError("not-done", `What is fenced cannot be written down: ${sentenceOf(error)}`));
    }
  }

  #tell(before: Latch, next: Latch): void {
    const { note } = this.#options;
    const [was, is] = [indexOf(before), indexOf(next)];
    for (const { server, cause } of next.fences)
      if (!was.fenceOf(server)) note("fenced", { server: serverName(server), ...cause });
    for (const { server } of before.fences)
      if (!is.fenceOf(server)) note("released", { server: serverName(server) });
    if (before.isolatedSince === null && next.isolatedSince !== null)
      note("isolated", { why: this.#silence.why });
    if (before.isolatedSince !== null && next.isolatedSince === null)
      note("isolation-over", { since: before.isolatedSince });
  }

  async #severAll(signal: AbortSignal | undefined): Promise<void> {
    const { holds } = indexOf(this.#latch);
    const problems = await this.#severing.run(this.#options.admin, holds, signal);
    for (const problem of problems) this.#fail(problem);
  }

  #fail(error: unknown): void {
    if (!isKnown(error)) throw error;
    this.#problem = { sentence: sentenceOf(error), since: this.#problem?.since ?? monotonic() };
  }
}

function union(some: readonly Fence[], others: readonly Fence[]): Fence[] {
  const all = new Map([...some, ...others].map((fence) => [serverName(fence.server), fence]));
  return [...all.values()];
}
