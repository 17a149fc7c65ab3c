import type { PeerLink } from "../peer/link.js";
import type { RoleNews } from "../peer/link-types.js";
import type { PeerStatus } from "../peer/peer-status.js";
import { errorFields, inBackground } from "../platform/background.js";
import { monotonic } from "../platform/clock.js";
import { isKnown, sentenceOf } from "../platform/errors.js";
import type { Logger } from "../platform/log.js";
import type { NodeRole } from "../role/carp-role.js";
import { compareLineage, type Lineage, type Ranked } from "../role/lineage.js";
import type { PeerView } from "../role/observed.js";
import { rankOf } from "../ship/node-state.js";
import { type PeerReport, readReport } from "../ship/peer-report.js";
import type { MasterSide } from "../switchover/stand-aside.js";

/** How long a promotion waits for a peer that may be there. A dead one is known before CARP moves the address. */
export const askDeadlineMs = 1_000;
/** Peers are asked again every two seconds: until then a snapshot that could not be fetched is not come back to. */
const dismissedMs = 30_000;

/** A switchover has this long by default, and twice. */
const givingCountsMs = 60_000;

interface Entry {
  readonly link: PeerLink;
  asked: boolean;
  reachable: boolean;
  best: Ranked | null;
  /** Its best could not be fetched. */
  dismissed: { lineage: Lineage; at: number } | undefined;
  status: PeerStatus | undefined;
  at: number | undefined;
  error: string | undefined;
  /** A question that a hint has led to is under way; `again`: another hint came meanwhile. */
  hinted: { again: boolean } | undefined;
}

/** What each peer last told, and what they are told of us. */
export class PeerBoard {
  readonly #entries: ReadonlyMap<string, Entry>;
  readonly #log: Logger;
  readonly #listeners = new Set<(name: string) => void>();
  #news: RoleNews | undefined;

  constructor(links: ReadonlyMap<string, PeerLink>, log: Logger) {
    this.#log = log;
    this.#entries = new Map(
      [...links].map(([name, link]) => [
        name,
        {
          link,
          asked: false,
          reachable: false,
          best: null,
          dismissed: undefined,
          status: undefined,
          at: undefined,
          error: undefined,
          hinted: undefined,
        },
      ]),
    );
    for (const link of links.values()) link.onUp(() => this.#announceTo(link));
  }

  /** This node's own role, as it was last seen. */
  get ownRole(): NodeRole {
    return this.#news?.role ?? "unknown";
  }

  /** What this peer last said of its role; `unknown` if it cannot be asked. */
  roleOf(name: string): NodeRole {
    const entry = this.#entries.get(name);
    return entry?.reachable ? (readReport(entry.status?.report)?.role ?? "unknown") : "unknown";
  }

  /** True if this peer said last, and lately, that it is giving its role to `node`, whether it can be asked still or not. */
  givesTo(name: string, node: string): boolean {
    const entry = this.#entries.get(name);
    if (entry?.at === undefined || monotonic() - entry.at > givingCountsMs) return false;
    return readReport(entry.status?.report)?.switchover?.to === node;
  }

  /** Calls the listener with a peer's name after each answer of it or failure to answer, and when our role changed. */
  onNews(listener: (name: string) => void): void {
    this.#listeners.add(listener);
  }

  /** This node's role as ifconfig tells it now. A change reaches the peers at once. Cheap, may be called at every look. */
  sawRole(role: NodeRole, leads: number | null): void {
    if (role === this.#news?.role) return;
    this.#news = { role, leads };
    for (const [name, { link }] of this.#entries) {
      this.#announceTo(link);
      this.#tell(name);
    }
  }

  /** The role changed: what peers said before no longer counts as asked. One that is known to be away need not be. */
  forgetAnswers(): void {
    for (const entry of this.#entries.values()) {
      entry.asked = isAway(entry.link);
      entry.dismissed = undefined;
      if (entry.asked) entry.reachable = false;
    }
  }

  /** This peer's offer proved worthless (it could not be fetched): do not come back to it for now. */
  dismiss(name: string, lineage: Lineage): void {
    const entry = this.#entries.get(name);
    if (entry === undefined) return;
    entry.dismissed = { lineage, at: monotonic() };
    if (entry.best !== null && isSame(entry.best.lineage, lineage)) entry.best = null;
  }

  /** Asks every peer, all at once, each within the short deadline. One that is known to be away costs nothing. */
  async askAll(): Promise<void> {
    await Promise.all([...this.#entries.keys()].map((name) => this.ask(name)));
  }

  /** Asks one peer for its status and its best snapshot. Being unreachable is an answer, not an error. */
  async ask(name: string): Promise<void> {
    const entry = this.#entries.get(name);
    if (!entry) return;
    try {
      // A link that has tried in vain is not waited for: what its peer has is asked for when it comes up.
      if (!isAway(entry.link)) await entry.link.waitUp(askDeadlineMs);
      const status = await entry.link.status(askDeadlineMs);
      const best = await bestOf(entry, status);
      entry.reachable = true;
      entry.status = status;
      entry.best = best !== null && isDismissed(entry, best.lineage) ? null : best;
      entry.at = monotonic();
      entry.error = undefined;
    } catch (error) {
      entry.reachable = false;
      entry.error = sentenceOf(error);
      if (isKnown(error)) this.#log.debug(`peer ${name} did not answer: ${error.message}`);
      else this.#log.error({ peer: name, ...errorFields(error) }, "a peer could not be asked");
    }
    entry.asked = true;
    this.#tell(name);
  }

  /**
   * Asks a peer because of a hint, of which there may be any number: one question at a time, and one more after it if
   * hints came while it was under way. Resolves when nothing is left to ask.
   */
  async askOnHint(name: string): Promise<void> {
    const entry = this.#entries.get(name);
    if (!entry) return;
    if (entry.hinted) {
      entry.hinted.again = true;
      return;
    }
    // It has just spoken to us, so it is there: no back-off need end first.
    entry.link.nudge();
    try {
      do {
        entry.hinted = { again: false };
        await this.ask(name);
      } while (entry.hinted.again);
    } finally {
      entry.hinted = undefined;
    }
  }

  views(): PeerView[] {
    return [...this.#entries].map(([name, { asked, reachable, best, status }]) => ({
      name,
      asked,
      reachable,
      role: reachable ? (readReport(status?.report)?.role ?? "unknown") : "unknown",
      best,
      running: reachable ? (readReport(status?.report)?.running ?? null) : null,
      ready: readyIn(reachable ? readReport(status?.report) : null),
    }));
  }

  /** Each peer as CARP may be decided by it. */
  carpSides(): MasterSide[] {
    return [...this.#entries.values()].map(({ reachable, status }) => {
      const report = reachable ? readReport(status?.report) : null;
      return {
        role: report?.role ?? "unknown",
        share: report?.demotion?.share ?? 0,
        vhids: report?.vhids ?? null,
      };
    });
  }

  /** What the status page tells of a peer. `ageMs` is how old its answer is. */
  describe(name: string): { status: PeerStatus | null; ageMs: number | null; error: string | null } {
    const entry = this.#entries.get(name);
    return {
      status: entry?.status ?? null,
      ageMs: entry?.at === undefined ? null : Math.round(monotonic() - entry.at),
      error: entry?.error ?? null,
    };
  }

  #tell(name: string): void {
    for (const listener of this.#listeners) {
      try {
        listener(name);
      } catch (error) {
        this.#log.error({ peer: name, ...errorFields(error) }, "a listener to a peer's answers failed");
      }
    }
  }

  #announceTo(link: PeerLink): void {
    if (this.#news && link.view.state === "up")
      inBackground(this.#log, `telling ${link.name} our role`, this.#announce(link, this.#news));
  }

  /** That it does not get through is no harm: peers ask each other regularly. */
  async #announce(link: PeerLink, news: RoleNews): Promise<void> {
    try {
      const known = await link.announce(news, askDeadlineMs);
      if (!known) this.#log.debug(`peer ${link.name} is of a version that cannot be told a role`);
    } catch (error) {
      if (!isKnown(error)) throw error;
      this.#log.debug(`peer ${link.name} could not be told our role: ${error.message}`);
    }
  }
}

/** The peer's greatest snapshot; its manifest travels only when it is another one than we know. */
async function bestOf({ link, best }: Entry, { latest }: PeerStatus): Promise<Ranked | null> {
  if (latest === null) return null;
  if (best !== null && isSame(best.lineage, latest)) return best;
  const manifest = await link.latest(askDeadlineMs);
  return manifest === undefined ? null : rankOf(manifest);
}

function isDismissed({ dismissed }: Entry, lineage: Lineage): boolean {
  return (
    dismissed !== undefined && isSame(dismissed.lineage, lineage) && monotonic() - dismissed.at < dismissedMs
  );
}

/** True if the link is not up and has tried in vain already: a promotion does not wait for that. */
function isAway({ view }: PeerLink): boolean {
  return view.state !== "up" && view.failures > 0;
}

function readyIn(report: PeerReport | null): boolean | null {
  return typeof report?.ready === "boolean" ? report.ready : null;
}

function isSame(one: Lineage, other: Lineage): boolean {
  return compareLineage(one, other) === 0 && one.node === other.node;
}
