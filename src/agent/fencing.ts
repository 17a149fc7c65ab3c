import { join } from "node:path";
import type { Config } from "../config/schema.js";
import type { FenceHint } from "../control/protocol.js";
import { composeFencer } from "../fence/compose.js";
import type { IsolationView } from "../fence/document.js";
import type { FencePass, Fencer, FenceState } from "../fence/fencer.js";
import type { KnownRole } from "../fence/judge.js";
import { isIdle } from "../fence/latch.js";
import { layFences, liftFences, serversIn } from "../fence/overlay.js";
import { serverName } from "../fence/server.js";
import { forgetStandalone, readStandalone } from "../fence/standalone-file.js";
import { suggestNames } from "../fence/suggest.js";
import type { Journal } from "../journal/journal.js";
import type { OrchestratorClient, ServerKey } from "../orchestrator/types.js";
import { errorFields, inBackground } from "../platform/background.js";
import { monotonic, sleep } from "../platform/clock.js";
import type { Logger } from "../platform/log.js";
import { Mutex } from "../platform/mutex.js";
import { printable } from "../platform/printable.js";
import type { AdminClient } from "../proxysql/admin-client.js";
import { databaseName } from "../snapshot/pack.js";
import type { PeerFences } from "./fence-peers.js";
import { IsolationWatch } from "./isolation-watch.js";
import type { Observer } from "./observer.js";

/** Orchestrator calls its hooks before it has finished: this long it is asked again and again. */
const burstMs = 3_000;
const burstEveryMs = 100;
const hookEveryMs = 500;
/** Addresses of names change seldom. */
const suggestionCountsMs = 300_000;

/** With one of these in `keep_local` a snapshot does not say what a server's rows here are meant to be. */
const ownStatuses = ["mysql_servers", "mysql_servers.status"];

/**
 * [orchestrator] was taken out while something was held. What was held for an isolation is let go. A fence stays until an
 * operator releases it: that a dead primary is back, nobody is left to say.
 */
const nobodyToAsk: NonNullable<Config["orchestrator"]> = {
  endpoints: [],
  auth: "none",
  timeout: 1_000,
  poll: 1_000,
  isolation_grace: 10_000,
  on_isolation: "alert",
  witnesses: [],
};

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
  readonly inMaintenance: () => boolean;
  /** Gives the address to this peer; it sees a quorum, and this node does not. */
  readonly giveAway: (peer: string) => Promise<void>;
}

/** The fencer as a part of the agent: asks regularly and on a hint, on the active node, in warm standby on both. */
export class Fencing {
  readonly #parts: FencingParts;
  readonly #client: OrchestratorClient;
  readonly #fencer: Fencer;
  readonly #stopping = new AbortController();
  readonly #passes = new Mutex();
  #isolation: IsolationWatch | undefined;
  #wake = new AbortController();
  #burstUntil = 0;
  #around: FencingSurroundings | undefined;
  #running: Promise<void> | undefined;
  #queued: Promise<void> | undefined;
  #trouble: string | undefined;
  #hook = { text: "", at: Number.NEGATIVE_INFINITY };
  #suggested = { of: "", at: Number.NEGATIVE_INFINITY, names: new Map<string, string>() };

  constructor(parts: FencingParts, orchestrator: NonNullable<Config["orchestrator"]> = nobodyToAsk) {
    const { config, log, journal, admin, configLock } = parts;
    this.#parts = parts;
    const { fencer, client } = composeFencer(config, orchestrator, {
      admin,
      keeper: {
        file: join(config.node.state_dir, "journal.db"),
        read: () => journal.read("fences"),
        write: (latch) => journal.write({ fences: latch }),
      },
      exclusively: (work) => configLock.run(work),
      note: (kind, detail) => {
        journal.addNote(kind, detail);
        log.warn({ ...detail }, noteSentences[kind]);
      },
    });
    this.#fencer = fencer;
    this.#client = client;
  }

  get state(): FenceState {
    return this.#fencer.state;
  }

  /** This node takes itself for isolated, what kind of isolation it is, and since when; null if it does not. */
  get isolation(): IsolationView | null {
    return this.#isolation?.view ?? null;
  }

  /** Takes our fences out of a copy of ProxySQL's database: what is left is what an operator means. */
  lift(file: string): void {
    liftFences(file, this.#fencer.latch);
  }

  /** True if ProxySQL's disk may say something else than an operator means. */
  get alters(): boolean {
    return this.#fencer.latch.rows.length > 0;
  }

  /** Something is to be kept out of use, or may be: Orchestrator has something against a server. */
  get mayHold(): boolean {
    if (this.#around) this.#adopt(this.#around);
    const { latch, look } = this.#fencer.state;
    const hasNews =
      look?.kind === "view" && (look.view.downtimed.length > 0 || look.view.recoveries.length > 0);
    return latch.fences.length > 0 || latch.isolatedSince !== null || hasNews;
  }

  /** Puts our fences into an unpacked database that is about to be put in place. True if that changed it. */
  lay(dir: string): boolean {
    const file = join(dir, databaseName);
    if (this.#around) this.#adopt(this.#around);
    this.#fencer.foresee(serversIn(file));
    const { held, changed } = layFences(file, this.#fencer.latch);
    const { keep_local = [] } = this.#parts.config.proxysql;
    this.#fencer.rebase(
      held,
      ownStatuses.some((one) => keep_local.includes(one)),
    );
    return changed;
  }

  /** Orchestrator says that something is happening: ask it now, and again for a moment. `hook`: what its hook was told. */
  hint(hook?: FenceHint["hook"]): void {
    this.#noteHook(hook);
    this.#burstUntil = monotonic() + burstMs;
    this.#wake.abort();
  }

  /** Hooks come several at a time, and from whoever may reach the socket: the same is told once in a while. */
  #noteHook(hook: FenceHint["hook"]): void {
    if (hook === undefined) return;
    const text = JSON.stringify(hook);
    if (this.#hook.text === text || monotonic() - this.#hook.at < hookEveryMs) return;
    this.#hook = { text, at: monotonic() };
    const said = Object.fromEntries(
      Object.entries(hook).map(([name, value]) => [name, printable(value ?? "")]),
    );
    this.#parts.journal.addNote("orchestrator-hook", said);
    this.#parts.log.info(said, "Orchestrator's hook has called");
  }

  /** Something else has changed here (the role, ProxySQL): look once. */
  nudge(): void {
    this.#wake.abort();
  }

  /** What Orchestrator may call the servers that it does not know by their names. Looked up now and then, in the background. */
  get suggestions(): ReadonlyMap<string, string> {
    const { unknown, look } = this.#fencer.state;
    const known = look?.kind === "view" ? (look.view.instances ?? []).map(({ key }) => key) : [];
    const of = unknown.map(serverName).join(" ");
    const isOld = this.#suggested.of !== of || monotonic() - this.#suggested.at > suggestionCountsMs;
    if (of !== "" && known.length > 0 && isOld) {
      this.#suggested = { ...this.#suggested, of, at: monotonic() };
      const looking = suggestNames(unknown, known).then((names) => {
        this.#suggested = { ...this.#suggested, names };
      });
      inBackground(this.#parts.log, "looking up names", looking);
    }
    return this.#suggested.names;
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

  /** What `fence run-once` fenced while there was no agent. */
  async #takeOver(): Promise<void> {
    const { state_dir } = this.#parts.config.node;
    try {
      const { latch } = await readStandalone(state_dir);
      if (isIdle(latch)) return;
      this.#fencer.takeOver(latch);
      await forgetStandalone(state_dir);
    } catch (error) {
      // What Orchestrator says is judged all the same.
      this.#parts.log.error(errorFields(error), "what was fenced without an agent cannot be read");
    }
  }

  async #run(): Promise<void> {
    await this.#takeOver();
    const pollMs = this.#parts.config.orchestrator?.poll ?? 1_000;
    while (!this.#stopping.signal.aborted) {
      this.#wake = new AbortController();
      const began = monotonic();
      await this.pass();
      const everyMs = monotonic() < this.#burstUntil ? Math.min(burstEveryMs, pollMs) : pollMs;
      // A stop wakes too. A signal made of several is never quite let go, and this is one a second.
      await sleep(Math.max(0, began + everyMs - monotonic()), this.#wake.signal);
    }
  }

  /** One pass. Whoever asks while one runs waits for the one after it, with all others: that sees what they know. */
  pass(): Promise<void> {
    this.#queued ??= this.#passes.run(() => {
      this.#queued = undefined;
      return this.#passOnce();
    });
    return this.#queued;
  }

  async #passOnce(): Promise<void> {
    if (this.#around === undefined || this.#stopping.signal.aborted) return;
    try {
      this.#adopt(this.#around);
      await this.#fencer.pass(this.#how(), this.#stopping.signal);
      if (!this.#stopping.signal.aborted) await this.#fencer.prepare(this.#how());
      await this.#isolation?.look(this.#fencer.state, this.#stopping.signal);
      this.#trouble = undefined;
    } catch (error) {
      // Cut off by the agent's own stop.
      if (this.#stopping.signal.aborted) return;
      const fields = errorFields(error);
      if (fields.error !== this.#trouble) this.#parts.log.error(fields, "a pass of fencing failed");
      this.#trouble = String(fields.error);
    }
  }

  #adopt({ peers }: FencingSurroundings): void {
    for (const { name, fences, pardoned, role, ageMs } of peers.reports()) {
      if (role === "MASTER") this.#fencer.pardon(pardoned, ageMs);
      this.#fencer.adopt(fences, name);
    }
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
