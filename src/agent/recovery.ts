import { monotonic, wallClock } from "../platform/clock.js";
import type { AgentContext } from "./context.js";
import type { Drills } from "./drills.js";

/** How long after a drill that did not pass another is worth its cost. */
const againMs = 300_000;

/** What of the agent the way back needs. */
export type RecoveryNode = {
  readonly config: {
    readonly carp: Pick<AgentContext["config"]["carp"], "standby" | "hold">;
  };
  readonly demotion: Pick<AgentContext["demotion"], "why" | "since">;
  readonly maintenance: Pick<AgentContext["maintenance"], "view">;
};

/**
 * Finds out whether what made this node give the address away is mended. In warm standby ProxySQL runs and can be looked
 * at; in cold standby it is stopped, and only a drill since then can tell: one is made now and then.
 */
export class Recovery {
  readonly #node: RecoveryNode;
  readonly #drills: Pick<Drills, "last" | "isIdle" | "run">;
  /** The share that the rest is about, by when it was added; by a clock that never jumps when it was seen and tried. */
  #episode:
    | { since: number | null; seenAt: number; triedAt: number | undefined; passed: boolean }
    | undefined;

  constructor(node: RecoveryNode, drills: Pick<Drills, "last" | "isIdle" | "run">) {
    this.#node = node;
    this.#drills = drills;
  }

  /** False while nothing shows that ProxySQL would serve here again. */
  get done(): boolean {
    const { config, demotion } = this.#node;
    if (config.carp.standby === "warm") return true;
    if (this.#episode?.passed && this.#episode.since === demotion.since) return true;
    const { last } = this.#drills;
    if (last?.ok !== true) return false;
    const at = Date.parse(last.at);
    // One of the future was made before a clock was set back: it may be from before the share.
    return at >= (demotion.since ?? 0) && at <= wallClock();
  }

  /** Tries a restore if it is time to. To be called every few seconds. */
  async look(): Promise<void> {
    const { config, demotion, maintenance } = this.#node;
    if (demotion.why !== "given-away") {
      this.#episode = undefined;
      return;
    }
    if (this.#episode?.since !== demotion.since)
      this.#episode = { since: demotion.since, seenAt: monotonic(), triedAt: undefined, passed: false };
    const { seenAt, triedAt } = this.#episode;
    if (this.done || maintenance.view() !== null || !this.#drills.isIdle) return;
    const dueAt = triedAt === undefined ? seenAt + config.carp.hold : triedAt + againMs;
    if (monotonic() < dueAt) return;
    // Whatever comes of it: also one that cannot be judged has its cost.
    this.#episode.triedAt = monotonic();
    if ((await this.#drills.run()).ok && this.#episode?.since === demotion.since) this.#episode.passed = true;
  }
}
