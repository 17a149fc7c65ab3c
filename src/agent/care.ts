import { z } from "zod";
import type { Demotion } from "../carp/demotion.js";
import type { CarpSysctls } from "../carp/sysctl.js";
import { readCarpSysctls } from "../carp/sysctl.js";
import type { Config } from "../config/schema.js";
import type { Journal } from "../journal/journal.js";
import { monotonic, wallClock } from "../platform/clock.js";
import { isKnown } from "../platform/errors.js";
import type { ProxysqlView } from "../proxysql/observe.js";
import type { CareView } from "../role/care.js";
import type { NodeRole } from "../role/carp-role.js";
import type { Care as CareNow } from "../role/observed.js";

const hourMs = 3_600_000;
/** A port may be closed for a moment during a reload: only a ProxySQL that stays so is started anew. */
const graceMs = 2_000;
/** The admin does one statement after the other, and one on large tables or statistics can hold it for a long time. */
const busyAdminMs = 60_000;
const firstPauseMs = 1_000;
const longestPauseMs = 60_000;
/** Nothing can be put in place (a full disk): a MASTER does not wait longer for that than it takes to be sure. */
const placeTries = 3;
/** A demoted master gives way within an advertisement, if the peer preempts; after this long it does not. */
const yieldAfterMs = 4_000;
const yieldEveryMs = 10_000;
/** Asked to step aside, CARP gives the peer three advertisements and its skew. */
const yieldTakesMs = 5_000;
/** Each reading forks, which for a process of our size costs several milliseconds. */
const sysctlAgeMs = 9_000;

const movesSchema = z.array(z.number());

/**
 * Remembers how ProxySQL fares on this MASTER and how often health moved the role, so that the plan knows when to start it
 * anew, when to give the address away, and when to leave it where it is.
 */
export class Care {
  readonly #config: Config;
  readonly #journal: Journal;
  readonly #demotion: Demotion;
  #sysctls: { values: CarpSysctls | null; at: number } | undefined;
  #readingSysctls = false;
  #sysctlsChanged = false;
  #unwell: { at: number; wall: number } | undefined;
  #deafSince: number | undefined;
  #wellSince: number | undefined;
  #tries = 0;
  #lastTry: number | undefined;
  #startNoted = false;
  #startRefused = false;
  #placesFailed = 0;
  #yieldedAt: number | undefined;
  /** When health moved the role, ms since 1970: for the last hour, over restarts. */
  #moves: readonly number[];
  #exhausted = false;

  constructor(config: Config, journal: Journal, demotion: Demotion) {
    this.#config = config;
    this.#journal = journal;
    this.#demotion = demotion;
    this.#moves = movesSchema.safeParse(journal.read("moves")).data ?? [];
  }

  /** One look at role and ProxySQL; what follows from it for the plan. `health`: see `CareNow`. */
  look(
    role: NodeRole,
    proxysql: ProxysqlView,
    leads: boolean,
    health: Pick<CareNow, "fit" | "recovered" | "standsAside">,
  ): CareNow {
    this.#follow(role, proxysql);
    const mayMove = this.#mayMove();
    const tryLimit = this.#config.proxysql.restarts + (leads ? 0 : 1);
    const { share, why, since, settled } = this.#demotion;
    const due = this.#tries >= tryLimit && this.#tries > 0 && this.#unwell !== undefined;
    // With our share there the move is under way, and not refused.
    this.#exhausted = due && !mayMove && share === 0;
    // A clock that was set back must not keep the role from moving.
    const sharedForMs = since === null ? 0 : Math.abs(wallClock() - since);
    return {
      ...health,
      unwellForMs: this.#unwell === undefined ? 0 : monotonic() - this.#unwell.at,
      tries: this.#tries,
      tryLimit,
      nextTryInMs: this.#nextTryInMs(proxysql),
      share: share === 0 ? null : why,
      shareSettled: settled,
      yieldDue: sharedForMs > yieldAfterMs && ago(this.#yieldedAt) > yieldEveryMs,
      moving: share !== 0 && (sharedForMs <= yieldAfterMs || ago(this.#yieldedAt) <= yieldTakesMs),
      mayMove,
      cannotPlace: this.#placesFailed >= placeTries,
    };
  }

  /** True while a MASTER's ProxySQL is sick: look again soon. */
  get isUnwell(): boolean {
    return this.#unwell !== undefined;
  }

  view(): CareView {
    const { share, why, since } = this.#demotion;
    const sysctls = this.#sysctls?.values ?? null;
    return {
      unwellSince: this.#unwell?.wall ?? null,
      restarts: this.#tries,
      share,
      shareWhy: share === 0 ? null : why,
      shareSince: share === 0 ? null : since,
      total: sysctls?.demotion ?? null,
      preempt: sysctls?.preempt ?? null,
      allow: sysctls?.allow ?? null,
      moves: this.#recentMoves().length,
      exhausted: this.#exhausted,
    };
  }

  /** Reads CARP's sysctls if the last look at them is old. They matter to people and peers: no plan is to wait for them. */
  async refreshSysctls(): Promise<void> {
    if (this.#readingSysctls || (this.#sysctls && ago(this.#sysctls.at) < sysctlAgeMs)) return;
    this.#readingSysctls = true;
    this.#sysctlsChanged = false;
    try {
      const values = await readCarpSysctls().catch((error: unknown) => {
        if (!isKnown(error)) throw error;
        return null;
      });
      // What was read while we changed it says nothing.
      if (!this.#sysctlsChanged) this.#sysctls = { values, at: monotonic() };
    } finally {
      this.#readingSysctls = false;
    }
  }

  /** Our share has changed: what was read before is out of date. */
  forgetSysctls(): void {
    this.#sysctls = undefined;
    this.#sysctlsChanged = true;
  }

  /** ProxySQL is being started. */
  noteStart(): void {
    this.#tries += 1;
    this.#lastTry = monotonic();
    this.#startNoted = true;
    this.#startRefused = false;
  }

  /** The service did not start it: no ProxySQL ran, whatever it was to serve. */
  noteRefused(): void {
    this.#startRefused = true;
  }

  /** True if the last start that was asked for came to nothing. */
  get startRefused(): boolean {
    return this.#startRefused;
  }

  /** It was not proven. Without a start of ours before, waiting in vain was the try. */
  noteUnproven(): void {
    if (!this.#startNoted) this.noteStart();
    this.#startNoted = false;
    this.#lastTry = monotonic();
  }

  /** A configuration could not be put in place, and neither it nor ProxySQL is to blame. Returns true if that is enough. */
  notePlaceFailed(): boolean {
    this.#placesFailed += 1;
    return this.#placesFailed === placeTries;
  }

  /** Another snapshot is to be tried: it gets tries of its own. */
  startAfresh(): void {
    this.#tries = 0;
    this.#placesFailed = 0;
    this.#lastTry = undefined;
  }

  /** This node's health moves the role, away from here or back. */
  noteMove(): void {
    this.#moves = [...this.#recentMoves(), wallClock()];
    this.#journal.write({ moves: this.#moves });
  }

  noteYield(): void {
    this.#yieldedAt = monotonic();
  }

  #follow(role: NodeRole, { admin, serving, paused }: ProxysqlView): void {
    const well = admin && (serving || paused);
    this.#deafSince = serving ? undefined : (this.#deafSince ?? monotonic());
    if (role !== "MASTER") {
      this.#unwell = undefined;
      this.#wellSince = undefined;
      this.startAfresh();
      return;
    }
    if (!well) {
      this.#unwell ??= { at: monotonic(), wall: wallClock() };
      this.#wellSince = undefined;
      return;
    }
    this.#unwell = undefined;
    this.#wellSince ??= monotonic();
    // One that comes up and dies again and again is not well for the moments in between.
    if (ago(this.#wellSince) >= this.#config.carp.hold) this.startAfresh();
  }

  #nextTryInMs({ running, serving }: ProxysqlView): number {
    if (this.#unwell === undefined) return 0;
    if (this.#tries === 0) {
      if (!running) return 0;
      // To start one anew that serves clients would cut them all off.
      return serving
        ? Math.max(0, busyAdminMs - ago(this.#unwell.at))
        : Math.max(0, graceMs - ago(this.#deafSince ?? this.#unwell.at));
    }
    const pause = Math.min(longestPauseMs, firstPauseMs * 2 ** (this.#tries - 1));
    return Math.max(0, pause - ago(this.#lastTry));
  }

  #mayMove(): boolean {
    const moves = this.#recentMoves();
    const last = moves.at(-1);
    if (moves.length >= this.#config.carp.moves_per_hour) return false;
    return last === undefined || wallClock() - last >= this.#config.carp.hold;
  }

  #recentMoves(): readonly number[] {
    const now = wallClock();
    // A clock that was set back must not lock the role for longer than an hour.
    return this.#moves.filter((at) => Math.abs(now - at) < hourMs);
  }
}

function ago(at: number | undefined): number {
  return at === undefined ? Number.POSITIVE_INFINITY : monotonic() - at;
}
