import type { PeerLink } from "../peer/link.js";
import type { PeerStatus } from "../peer/peer-status.js";
import { errorFields } from "../platform/background.js";
import { monotonic } from "../platform/clock.js";
import { isKnown, sentenceOf } from "../platform/errors.js";
import type { Logger } from "../platform/log.js";
import { compareLineage, type Lineage, type Ranked } from "../role/lineage.js";
import type { PeerView } from "../role/observed.js";
import { rankOf } from "../ship/node-state.js";
import { type PeerReport, readReport } from "../ship/peer-report.js";

/** How long a promotion waits for a peer that may be there. A dead one is known before CARP moves the address. */
export const askDeadlineMs = 1_000;

interface Entry {
  readonly link: PeerLink;
  asked: boolean;
  reachable: boolean;
  best: Ranked | null;
  status: PeerStatus | undefined;
  at: number | undefined;
  error: string | undefined;
}

/** What each peer last told. */
export class PeerBoard {
  readonly #entries: ReadonlyMap<string, Entry>;
  readonly #log: Logger;

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
          status: undefined,
          at: undefined,
          error: undefined,
        },
      ]),
    );
  }

  /** The role changed: what peers said before no longer counts as asked. One that is known to be away need not be. */
  forgetAnswers(): void {
    for (const entry of this.#entries.values()) {
      entry.asked = isAway(entry.link);
      if (entry.asked) entry.reachable = false;
    }
  }

  /** This peer's offer proved worthless (it could not be fetched): do not come back to it for now. */
  dismiss(name: string): void {
    const entry = this.#entries.get(name);
    if (entry) entry.best = null;
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
      entry.best = best;
      entry.at = monotonic();
      entry.error = undefined;
    } catch (error) {
      entry.reachable = false;
      entry.error = sentenceOf(error);
      if (isKnown(error)) this.#log.debug(`peer ${name} did not answer: ${error.message}`);
      else this.#log.error({ peer: name, ...errorFields(error) }, "a peer could not be asked");
    }
    entry.asked = true;
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

  /** What the status page tells of a peer. `ageMs` is how old its answer is. */
  describe(name: string): { status: PeerStatus | null; ageMs: number | null; error: string | null } {
    const entry = this.#entries.get(name);
    return {
      status: entry?.status ?? null,
      ageMs: entry?.at === undefined ? null : Math.round(monotonic() - entry.at),
      error: entry?.error ?? null,
    };
  }
}

/** The peer's greatest snapshot; its manifest travels only when it is another one than we know. */
async function bestOf({ link, best }: Entry, { latest }: PeerStatus): Promise<Ranked | null> {
  if (latest === null) return null;
  if (best !== null && isSame(best.lineage, latest)) return best;
  const manifest = await link.latest(askDeadlineMs);
  return manifest === undefined ? null : rankOf(manifest);
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
