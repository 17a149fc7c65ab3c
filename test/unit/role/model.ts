import type { NodeRole } from "../../../src/role/carp-role.js";
import {
  addsNothingTo,
  compareLineage,
  contentReached,
  descendsFrom,
  extendAncestry,
  type Lineage,
  type Ranked,
  relate,
} from "../../../src/role/lineage.js";
import type { Observed } from "../../../src/role/observed.js";
import { plan } from "../../../src/role/plan.js";
import type { Step } from "../../../src/role/step.js";
import { calm } from "../../../src/role/test-observed.js";

/** A pair in memory: what the agents would do, with `plan` deciding and everything else reduced to bookkeeping. */
export class ModelPair {
  readonly a: ModelNode;
  readonly b: ModelNode;
  linked = true;

  constructor(standby: "warm" | "cold") {
    this.a = new ModelNode("a", standby, this);
    this.b = new ModelNode("b", standby, this);
  }

  other(node: ModelNode): ModelNode {
    return node === this.a ? this.b : this.a;
  }
}

export class ModelNode {
  readonly name: string;
  readonly standby: "warm" | "cold";
  readonly #pair: ModelPair;
  role: NodeRole = "BACKUP";
  alive = true;
  asked = false;
  proxysql = { running: false, scheduler: 0 };
  leads: number | null = null;
  openingContent: string | null = null;
  running: Ranked | null = null;
  /** What ProxySQL's database says now; `running.content` is what the last snapshot of it said. */
  content = "empty";
  store: Ranked[] = [];
  /** How often ProxySQL was started, and how often that was called for. */
  starts = 0;
  startsAllowed = 0;
  /** Contents that this node replaced without the other side ever having had them, and said so. */
  reported: string[] = [];
  broken: string[] = [];

  constructor(name: string, standby: "warm" | "cold", pair: ModelPair) {
    this.name = name;
    this.standby = standby;
    this.#pair = pair;
  }

  get peer(): ModelNode {
    return this.#pair.other(this);
  }

  get best(): Ranked | null {
    return [...this.store].sort((one, other) => compareLineage(one.lineage, other.lineage)).at(-1) ?? null;
  }

  setRole(role: NodeRole): void {
    if (role === this.role) return;
    if (role === "MASTER" || this.standby === "warm") this.startsAllowed += 1;
    this.role = role;
    this.asked = false;
  }

  /** Power off: what is on disk stays. */
  kill(): void {
    this.alive = false;
    this.proxysql = { running: false, scheduler: 0 };
    this.role = "INIT";
  }

  boot(): void {
    if (this.alive) return;
    this.alive = true;
    this.startsAllowed += 1;
    this.setRole("BACKUP");
  }

  /** An operator changes the configuration where it is served. */
  edit(content: string): void {
    if (this.alive && this.proxysql.running && this.role === "MASTER") this.content = content;
  }

  /** Observes, plans and performs until there is nothing to do, or `steps` steps are done (a kill in the middle). */
  settle(steps = Number.POSITIVE_INFINITY): void {
    let left = steps;
    for (let round = 0; this.alive && round < 50; round += 1) {
      const todo = plan(this.#observe());
      if (todo.length === 0) return;
      for (const step of todo) {
        if (left === 0) return;
        left -= 1;
        this.#perform(step);
      }
    }
    if (this.alive) this.broken.push(`the plan of ${this.name} does not come to rest`);
  }

  /** What the shipper does when something changed and the peer can be reached. */
  ship(): void {
    if (!this.alive || this.leads === null || this.running === null) return;
    if (this.running.content !== this.content || this.running.lineage.sequence === 0) this.#take();
    const newest = this.best;
    if (!this.#pair.linked || !this.peer.alive || newest === null || newest.lineage.node !== this.name)
      return;
    // Held here, and refused there: which of the two goes on is not for a transfer to decide.
    if (this.role === "MASTER" && this.peer.role === "MASTER") return;
    const theirs = this.peer.best;
    if (theirs !== null && ["older", "same", "diverged"].includes(relate(newest, theirs.lineage))) return;
    this.peer.store.push(newest);
  }

  #take(): void {
    const { lineage, ancestry } = this.running as Ranked;
    const next = { lineage: { ...lineage, sequence: lineage.sequence + 1 }, ancestry, content: this.content };
    if (next.lineage.sequence === 1) this.openingContent = this.content;
    this.running = next;
    this.store.push(next);
  }

  #observe(): Observed {
    const reachable = this.#pair.linked && this.peer.alive;
    return {
      role: this.role,
      holdsAddress: this.role === "MASTER",
      masterForMs: 1_000,
      settleMs: 0,
      standby: this.standby,
      proxysql: {
        running: this.proxysql.running,
        admin: this.proxysql.running,
        serving: this.proxysql.running,
        paused: false,
        scheduler: this.proxysql.running ? { runtime: this.proxysql.scheduler, disk: 1 } : null,
        starting: false,
      },
      maintenance: null,
      switching: false,
      pausedByUs: false,
      care: calm,
      lock: null,
      stonith: null,
      trial: null,
      givenUp: false,
      unsure: false,
      canPutBack: false,
      restoring: null,
      leads: this.leads,
      openingContent: this.openingContent,
      shipping: true,
      running: this.running,
      // An edit on a passive node whose snapshot the store has; while leading, edits are what is wanted.
      drifted:
        this.leads === null &&
        this.running !== null &&
        this.running.content !== this.content &&
        this.store.some(({ lineage }) => compareLineage(lineage, this.running?.lineage ?? lineage) === 0),
      foreign: this.running === null && this.content !== "empty",
      best: this.best,
      peers: [
        {
          name: this.peer.name,
          asked: this.asked,
          reachable,
          role: reachable ? this.peer.role : "unknown",
          best: reachable ? this.peer.best : null,
          running: reachable ? (this.peer.running?.lineage ?? null) : null,
          ready: reachable ? true : null,
        },
      ],
    };
  }

  #perform(step: Step): void {
    switch (step.kind) {
      case "ask-peers":
        this.asked = true;
        return;
      case "fetch":
        this.store.push(step.ranked);
        return;
      case "install":
      case "apply":
        this.#install(step.ranked, step.reportLoss);
        return;
      case "start":
        this.starts += 1;
        this.proxysql = { running: true, scheduler: 1 };
        return;
      case "stop":
      case "halt":
        this.proxysql = { running: false, scheduler: 0 };
        return;
      case "run-scheduler":
        this.proxysql.scheduler = 1;
        return;
      case "hush-scheduler":
        this.proxysql.scheduler = 0;
        return;
      case "open-epoch":
        this.#open(step.above + 1);
        return;
      case "report-divergence":
        this.reported.push(step.theirs.content, this.content);
        return;
      case "release":
        if (this.running?.content !== this.content || this.running.lineage.sequence === 0) this.#take();
        this.leads = null;
        this.openingContent = null;
        return;
      default:
        return;
    }
  }

  #install(ranked: Ranked, reportLoss: boolean): void {
    const ours = this.running;
    if (ours !== null && compareLineage(ranked.lineage, ours.lineage) < 0) {
      this.broken.push(
        `${this.name} installed ${JSON.stringify(ranked.lineage)} over ${JSON.stringify(ours.lineage)}`,
      );
    }
    const covered =
      ours === null ||
      descendsFrom(ranked, ours.lineage) ||
      addsNothingTo(ours, ranked) ||
      contentReached(ranked, ours);
    if (!covered && !reportLoss && this.leads === null) {
      this.broken.push(`${this.name} dropped ${JSON.stringify(ours?.lineage)} without a word`);
    }
    if (reportLoss || this.content !== ours?.content) this.reported.push(this.content);
    this.running = ranked;
    this.content = ranked.content;
  }

  #open(epoch: number): void {
    const base: Lineage | null = this.running?.lineage ?? null;
    const opening = { epoch, node: this.name, base, baseContent: this.running?.content ?? null };
    this.leads = epoch;
    this.openingContent = this.running?.content ?? null;
    this.running = {
      lineage: { epoch, sequence: 0, node: this.name },
      ancestry: extendAncestry(this.running?.ancestry ?? [], opening),
      content: this.running?.content ?? this.content,
    };
  }
}
