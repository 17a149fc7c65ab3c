import { join } from "node:path";
import type { Config } from "../config/schema.js";
import { type FencePass, Fencer, type FenceState } from "../fence/fencer.js";
import type { KnownRole } from "../fence/judge.js";
import { Names } from "../fence/names.js";
import { layFences, liftFences } from "../fence/overlay.js";
import { serverName } from "../fence/server.js";
import { suggestNames } from "../fence/suggest.js";
import { Topology } from "../fence/topology.js";
import type { Journal } from "../journal/journal.js";
import { createOrchestratorClient } from "../orchestrator/client.js";
import type { OrchestratorClient, ServerKey } from "../orchestrator/types.js";
import { errorFields } from "../platform/background.js";
import { monotonic, sleep } from "../platform/clock.js";
import type { Logger } from "../platform/log.js";
import type { Mutex } from "../platform/mutex.js";
import type { AdminClient } from "../proxysql/admin-client.js";
import { databaseName } from "../snapshot/pack.js";
import type { PeerFences } from "./fence-peers.js";
import { type IsolationView, IsolationWatch } from "./isolation-watch.js";
import type { Observer } from "./observer.js";

/** Orchestrator calls its hooks before it has finished: this long it is asked again and again. */
const burstMs = 3_000;
const burstEveryMs = 100;
/** Addresses of names change seldom. */
const suggestionCountsMs = 300_000;

export interface FencingParts {
  readonly config: Config;
  readonly log: Logger;
  readonly journal: Journal;
  readonly admin: AdminClient;
  readonly configLock: Mutex;
}

/** What a running agent has around the fencer. */
export interface FencingSurroundings {
  readonly observer: Pick<Observer, "carp" | "proxysql" | "starting">;
  readonly peers: PeerFences;
  /** Gives the address to this peer; it sees a quorum, and this node does not. */
  readonly giveAway: (peer: string) => Promise<void>;
}

/** The fencer as a part of the agent: asks regularly and on a hint, on the active node, in warm standby on both. */
export class Fencing {
  readonly #parts: FencingParts;
  readonly #client: OrchestratorClient;
  readonly #fencer: Fencer;
  readonly #names: Names;
  readonly #stopping = new AbortController();
  #isolation: IsolationWatch | undefined;
  #wake = new AbortController();
  #burstUntil = 0;
  #around: FencingSurroundings | undefined;
  #running: Promise<void> | undefined;
  #trouble: string | undefined;
  #suggested = { of: "", at: Number.NEGATIVE_INFINITY, names: new Map<string, string>() };

  constructor(parts: FencingParts, orchestrator: NonNullable<Config["orchestrator"]>) {
    const { config, log, journal, admin, configLock } = parts;
    this.#parts = parts;
    this.#client = createOrchestratorClient({
      endpoints: orchestrator.endpoints,
      auth: orchestrator.auth,
      timeoutMs: orchestrator.timeout,
      ...(orchestrator.user === undefined ? {} : { user: orchestrator.user }),
      ...(orchestrator.secret_file === undefined ? {} : { secretFile: orchestrator.secret_file }),
      ...(orchestrator.ca_file === undefined ? {} : { caFile: orchestrator.ca_file }),
    });
    this.#names = new Names(config.fence.hosts);
    const toOrchestrator = (server: ServerKey): ServerKey => this.#names.toOrchestrator(server);
    this.#fencer = new Fencer({
      admin,
      topology: new Topology(this.#client, toOrchestrator),
      toOrchestrator,
      mode: config.fence.mode,
      isolationMs: orchestrator.on_isolation === "fence" ? orchestrator.isolation_grace : undefined,
      keeper: {
        read: () => journal.read("fences"),
        write: (latch) => journal.write({ fences: latch }),
      },
      exclusively: (work) => configLock.run(work),
      note: (kind, detail) => {
        journal.addNote(kind, detail);
        log.warn({ ...detail }, noteSentences[kind]);
      },
    });
  }

  get state(): FenceState {
    return this.#fencer.state;
  }

  /** This node takes itself for isolated, what kind of isolation it is, and since when; null if it does not. */
  get isolation(): IsolationView | null {
    return this.#isolation?.view ?? null;
  }

  /** The name that Orchestrator has for one of ProxySQL's servers. */
  nameOf(server: ServerKey): ServerKey {
    return this.#names.toOrchestrator(server);
  }

  /** Takes our fences out of a copy of ProxySQL's database: what is left is what an operator means. */
  lift(file: string): void {
    liftFences(file, this.#fencer.latch);
  }

  /** True if ProxySQL's disk may say something else than an operator means. */
  get alters(): boolean {
    return this.#fencer.latch.rows.length > 0;
  }

  /** Puts our fences into an unpacked snapshot that is about to be put in place. */
  lay(dir: string): void {
    if (this.#around) this.#adopt(this.#around);
    this.#fencer.rebase(layFences(join(dir, databaseName), this.#fencer.latch));
  }

  /** Orchestrator says that something is happening: ask it now, and again for a moment. */
  hint(): void {
    this.#burstUntil = monotonic() + burstMs;
    this.#wake.abort();
  }

  /** Something else has changed here (the role, ProxySQL): look once. */
  nudge(): void {
    this.#wake.abort();
  }

  /** What Orchestrator may call the servers that it does not know by their names; looked up now and then. */
  async suggestions(): Promise<ReadonlyMap<string, string>> {
    const { unknown, look } = this.#fencer.state;
    const known = look?.kind === "view" ? (look.view.instances ?? []).map(({ key }) => key) : [];
    const of = unknown.map(serverName).join(" ");
    if (of === "" || known.length === 0) return this.#suggested.names;
    if (this.#suggested.of === of && monotonic() - this.#suggested.at < suggestionCountsMs)
      return this.#suggested.names;
    this.#suggested = { ...this.#suggested, of, at: monotonic() };
    const names = await suggestNames(unknown, known);
    this.#suggested = { of, at: monotonic(), names };
    return names;
  }

  release(server: ServerKey, force: boolean): Promise<KnownRole> {
    const how = this.#how();
    return this.#fencer.release(server, force, how);
  }

  start(around: FencingSurroundings): void {
    const { config, log } = this.#parts;
    this.#around = around;
    if (config.orchestrator) this.#isolation = new IsolationWatch(config.orchestrator, around, log);
    this.#running ??= this.#run();
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    this.#wake.abort();
    await this.#running;
    await this.#client.close();
  }

  async #run(): Promise<void> {
    const pollMs = this.#parts.config.orchestrator?.poll ?? 1_000;
    while (!this.#stopping.signal.aborted) {
      this.#wake = new AbortController();
      const began = monotonic();
      await this.#pass();
      const everyMs = monotonic() < this.#burstUntil ? Math.min(burstEveryMs, pollMs) : pollMs;
      const signal = AbortSignal.any([this.#wake.signal, this.#stopping.signal]);
      await sleep(Math.max(0, began + everyMs - monotonic()), signal);
    }
  }

  async #pass(): Promise<void> {
    if (this.#around === undefined) return;
    try {
      this.#adopt(this.#around);
      await this.#fencer.pass(this.#how(), this.#stopping.signal);
      await this.#isolation?.look(this.#fencer.state, this.#stopping.signal);
      this.#trouble = undefined;
    } catch (error) {
      const fields = errorFields(error);
      if (fields.error !== this.#trouble) this.#parts.log.error(fields, "a pass of fencing failed");
      this.#trouble = String(fields.error);
    }
  }

  #adopt({ peers }: FencingSurroundings): void {
    for (const { name, fences } of peers.reports()) this.#fencer.adopt(fences, name);
  }

  /** In cold standby the passive node's ProxySQL does not run: what is fenced is laid into what it is started with. */
  #how(): FencePass {
    const { carp, proxysql, starting } = this.#around?.observer ?? {};
    const isActive = carp?.role === "MASTER";
    const isFed = isActive || this.#parts.config.carp.standby === "warm";
    // A ProxySQL that is just starting can die of being asked for its runtime: it is asked once it serves, or is paused.
    const isUp = proxysql?.admin === true && starting !== true && (proxysql.serving || proxysql.paused);
    return { usable: isFed && isUp, savesAll: isActive, version: proxysql?.version ?? null };
  }
}

const noteSentences = {
  fenced: "a server is fenced",
  released: "a server is not fenced any more",
  isolated: "no leader of Orchestrator in quorum answers: no server is used",
  "isolation-over": "a leader of Orchestrator in quorum answers again: servers are used as before",
} as const;
