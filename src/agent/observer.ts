import { stat } from "node:fs/promises";
import { join } from "node:path";
import { type CarpView, observeCarp } from "../carp/observe.js";
import { inBackground } from "../platform/background.js";
import { monotonic } from "../platform/clock.js";
import { isKnown, systemCode } from "../platform/errors.js";
import { statOrUndefined } from "../platform/files.js";
import type { Handshake } from "../proxysql/handshake.js";
import { knockAt, observeProxysql, type ProxysqlView } from "../proxysql/observe.js";
import type { Ranked } from "../role/lineage.js";
import type { Care, Observed } from "../role/observed.js";
import { refreshDefinitions } from "../ship/definitions-source.js";
import { rankOf } from "../ship/node-state.js";
import { inspectDatabase } from "../snapshot/inspect.js";
import { mustStandAside } from "../switchover/stand-aside.js";
import type { AgentContext } from "./context.js";
import { Identifier } from "./identify.js";

/** How long a good greeting of the client port counts while nothing else changes. Each knock is a line in ProxySQL's log. */
const greetingCountsMs = 30_000;

/** Looks at everything a plan depends on, and keeps the last look for the status page. */
export class Observer {
  readonly #node: AgentContext;
  readonly #identifier: Identifier;
  readonly #health: () => Pick<Care, "fit" | "recovered">;
  #masterSince: number | undefined;
  #greeting: { seen: Handshake; at: number } | undefined;
  #startedAt: number | undefined;
  #definitionsOf: string | undefined;
  #intact: { key: string; intact: boolean } | undefined;
  #carp: CarpView;
  #proxysql: ProxysqlView | undefined;
  #carpProblem: string | undefined;

  /** `health`: what the watch over reasons says of this node, which itself looks at what we observe. */
  constructor(node: AgentContext, health: () => Pick<Care, "fit" | "recovered">) {
    this.#node = node;
    this.#health = health;
    this.#identifier = new Identifier(node);
    this.#carp = unknownCarp(node.config.carp.vhids);
  }

  get carp(): CarpView {
    return this.#carp;
  }

  get carpProblem(): string | undefined {
    return this.#carpProblem;
  }

  get proxysql(): ProxysqlView | undefined {
    return this.#proxysql;
  }

  /** A start was asked for so short ago that ProxySQL may still be coming up. */
  get starting(): boolean {
    return this.#proxysql !== undefined && this.#isStarting(this.#proxysql);
  }

  /** A start was asked for: until it shows or its time is over, no other is. */
  noteStart(): void {
    this.#startedAt = monotonic();
    this.#greeting = undefined;
  }

  /** A stop was asked for: no start is under way any more. */
  noteStop(): void {
    this.#startedAt = undefined;
    this.#greeting = undefined;
  }

  /** Look at the client port itself next time. */
  forgetGreeting(): void {
    this.#greeting = undefined;
  }

  /** The roles as ifconfig tells them now. Unreadable is unknown, with the reason in `carpProblem`. */
  async lookAtCarp(): Promise<CarpView> {
    const { vhids } = this.#node.config.carp;
    try {
      this.#carp = await observeCarp(vhids);
      const missing = this.#carp.vhids.filter(({ role }) => role === "unknown").map(({ vhid }) => vhid);
      this.#carpProblem =
        missing.length > 0 ? `ifconfig does not tell the role of ${missing.join(", ")}.` : undefined;
    } catch (error) {
      if (!isKnown(error)) throw error;
      this.#carp = unknownCarp(vhids);
      this.#carpProblem = error.message;
    }
    if (this.#carp.role !== "MASTER") this.#masterSince = undefined;
    else this.#masterSince ??= monotonic();
    this.#node.board.sawRole(this.#carp.role, this.#node.state.leads);
    return this.#carp;
  }

  async observe(): Promise<Observed> {
    const { config, state, board, shipper, trial, maintenance, care, switchover, shooting, lock, restore } =
      this.#node;
    const [carp, proxysql, best] = await Promise.all([
      this.lookAtCarp(),
      this.#lookAtProxysql(),
      this.#bestSnapshot(),
    ]);
    inBackground(this.#node.log, "reading CARP's sysctls", care.refreshSysctls());
    const intact = proxysql.running || (await this.#databaseIsIntact());
    const looksIn = proxysql.admin || (!proxysql.running && intact);
    const identity = looksIn ? await this.#identifier.identify(proxysql.admin) : undefined;
    return {
      role: carp.role,
      holdsAddress: carp.holdsAddress,
      masterForMs: this.#masterSince === undefined ? 0 : monotonic() - this.#masterSince,
      settleMs: config.carp.settle,
      standby: config.carp.standby,
      proxysql: { ...proxysql, starting: this.#isStarting(proxysql) },
      maintenance: maintenance.view(),
      switching: switchover.current !== null,
      pausedByUs: switchover.hasPaused,
      care: care.look(carp.role, proxysql, state.leads !== null, {
        ...this.#health(),
        standsAside: this.#standsAside(),
      }),
      lock: lock?.state ?? null,
      stonith: shooting.view(),
      trial: trial.current && { ranked: trial.current.ranked, failures: trial.current.failures },
      canPutBack: trial.displaced !== null && trial.displaced.kept !== null,
      givenUp: trial.displaced !== null,
      unsure: trial.unsure,
      restoring: restore.current && {
        ranked: restore.current.ranked,
        failed: !trial.allows(restore.current.ranked.lineage),
      },
      leads: state.leads,
      openingContent: state.openingContent,
      shipping: state.leads !== null && shipper.epoch === state.leads,
      running: intact ? state.running : null,
      drifted: identity?.drifted ?? false,
      foreign: identity?.foreign ?? false,
      best,
      peers: board.views(),
    };
  }

  /** Whether the share of a switchover is needed still for the address to stay where it was given. */
  #standsAside(): boolean {
    const { demotion, care, board } = this.#node;
    if (demotion.why !== "switchover") return false;
    return mustStandAside({ vhids: this.#carp.vhids, preempt: care.view().preempt }, board.carpSides());
  }

  /** The greatest snapshot that ProxySQL has not failed on. */
  async #bestSnapshot(): Promise<Ranked | null> {
    const { store, trial } = this.#node;
    const latest = await store.latest();
    if (latest === undefined) return null;
    if (trial.allows(latest.manifest.lineage)) return rankOf(latest.manifest);
    const allowed = (await store.list()).filter(({ lineage }) => trial.allows(lineage));
    for (const { id } of allowed.reverse()) {
      const manifest = await store.manifest(id).catch(() => undefined);
      if (manifest !== undefined) return rankOf(manifest);
    }
    return null;
  }

  async #lookAtProxysql(): Promise<ProxysqlView> {
    const { config, admin } = this.#node;
    const client = { host: config.proxysql.client_host, port: config.proxysql.client_port };
    const known = this.#greeting;
    const counts = known?.seen.ok && this.#proxysql?.admin && monotonic() - known.at < greetingCountsMs;
    const look = async (): Promise<ProxysqlView> => {
      const greeting = await knockAt(client);
      this.#greeting = { seen: greeting, at: monotonic() };
      return observeProxysql(admin, client, greeting);
    };
    let view = counts ? await observeProxysql(admin, client, known.seen) : await look();
    // Once the admin is gone, a greeting from before says nothing: ProxySQL may be dead.
    if (!view.admin && counts) view = await look();
    if (!view.admin) this.#greeting = undefined;
    if (view.version !== null) await this.#learnDefinitions(view.version);
    this.#proxysql = view;
    return view;
  }

  /** ProxySQL's own table definitions, for every verification on this node, by the link's user too. */
  async #learnDefinitions(version: string): Promise<void> {
    if (this.#definitionsOf === version) return;
    await refreshDefinitions(this.#node.admin, this.#node.config.node.state_dir, version);
    this.#definitionsOf = version;
  }

  #isStarting(view: ProxysqlView): boolean {
    if (view.running) this.#startedAt = undefined;
    if (this.#startedAt === undefined) return false;
    return monotonic() - this.#startedAt < this.#node.config.proxysql.start_timeout;
  }

  /**
   * False if ProxySQL's database is missing or damaged while ProxySQL is down: ProxySQL writes it with synchronous=0, so
   * a power cut can leave it torn, and a verified snapshot is then the better copy even here. Looked at once per change.
   */
  async #databaseIsIntact(): Promise<boolean> {
    const file = join(this.#node.config.proxysql.datadir, "proxysql.db");
    if ((await statOrUndefined(`${file}-journal`)) !== undefined) return true;
    const key = await identityOf(file);
    if (key === undefined) return false;
    if (this.#intact?.key !== key) {
      const { problems, tables } = await inspectDatabase(file);
      this.#intact = { key, intact: problems.length === 0 && (tables.global_variables?.rows ?? 0) > 0 };
    }
    return this.#intact.intact;
  }
}

async function identityOf(file: string): Promise<string | undefined> {
  try {
    const { ino, size, mtimeMs } = await stat(file);
    return `${ino}:${size}:${mtimeMs}`;
  } catch (error) {
    if (systemCode(error) === "ENOENT") return undefined;
    throw error;
  }
}

function unknownCarp(vhids: readonly string[]): CarpView {
  return { role: "unknown", holdsAddress: false, vhids: vhids.map((vhid) => ({ vhid, role: "unknown" })) };
}
