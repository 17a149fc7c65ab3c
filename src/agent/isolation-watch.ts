import type { Config } from "../config/schema.js";
import type { IsolationView } from "../fence/document.js";
import type { FenceState } from "../fence/fencer.js";
import { isIsolated, kindOfIsolation } from "../fence/isolation.js";
import { parseServer } from "../fence/server.js";
import { askWitnesses } from "../fence/witness.js";
import { errorFields } from "../platform/background.js";
import { monotonic, wallClock } from "../platform/clock.js";
import type { Logger } from "../platform/log.js";
import type { FencingSurroundings } from "./fencing.js";

/** A peer that did not take the address is asked again after this. */
const againMs = 60_000;

type Settings = Pick<NonNullable<Config["orchestrator"]>, "isolation_grace" | "on_isolation" | "witnesses">;

/** Tells what kind of isolation it is, and gives the address away where that is what is to be done. */
export class IsolationWatch {
  readonly #settings: Settings;
  readonly #around: FencingSurroundings;
  readonly #log: Logger;
  #view: IsolationView | null = null;
  #givenAt: number | undefined;

  constructor(settings: Settings, around: FencingSurroundings, log: Logger) {
    this.#settings = settings;
    this.#around = around;
    this.#log = log;
  }

  get view(): IsolationView | null {
    return this.#view;
  }

  /** Rejects only for a bug. */
  async look({ look, silentForMs }: FenceState, signal: AbortSignal): Promise<void> {
    const { isolation_grace, on_isolation, witnesses } = this.#settings;
    const why = look?.kind === "none" ? look.why : null;
    const now = monotonic();
    if (!isIsolated({ since: now - silentForMs, why }, now, isolation_grace)) {
      this.#view = null;
      return;
    }
    const reports = this.#around.peers.reports();
    const answered = await askWitnesses(witnesses.flatMap((one) => parseServer(one) ?? []));
    if (signal.aborted) return;
    const seen = reports.map(({ seesQuorum }) => seesQuorum).filter((one) => one !== null);
    this.#view = {
      since: this.#view?.since ?? new Date(wallClock() - silentForMs).toISOString(),
      kind: kindOfIsolation({
        peerSeesQuorum: seen.length === 0 ? null : seen.includes(true),
        peerAnswers: reports.length > 0,
        witnesses: answered,
      }),
      why: why ?? "",
      action: on_isolation,
    };
    if (on_isolation === "demote" && seen.includes(true)) await this.#giveAway();
  }

  async #giveAway(): Promise<void> {
    if (this.#around.observer.carp.role !== "MASTER" || this.#around.inMaintenance()) return;
    if (this.#givenAt !== undefined && monotonic() - this.#givenAt < againMs) return;
    // What it said some seconds ago may be from before Orchestrator went down for everybody.
    await this.#around.peers.refresh();
    const peer = this.#around.peers.reports().find(({ seesQuorum }) => seesQuorum)?.name;
    if (peer === undefined) return;
    this.#givenAt = monotonic();
    this.#log.warn(
      { peer },
      "this node is cut off from Orchestrator: the address goes to a peer that is not",
    );
    try {
      await this.#around.giveAway(peer);
    } catch (error) {
      this.#log.error(errorFields(error), "the address could not be given away");
    }
  }
}
