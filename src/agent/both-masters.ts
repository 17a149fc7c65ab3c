import { z } from "zod";
import type { Journal } from "../journal/journal.js";
import { errorFields, inBackground } from "../platform/background.js";
import { monotonic, wallClock } from "../platform/clock.js";
import type { Logger } from "../platform/log.js";
import type { NodeRole } from "../role/carp-role.js";
import { formatLineage, type Lineage } from "../role/lineage.js";
import type { PeerView } from "../role/observed.js";
import type { PeerBoard } from "./peer-board.js";

/**
 * At every failover both hosts are MASTER for a moment: the new one is before the old one has heard of it. Seen again
 * after this time it is no such moment. Together with the way of the news it stays below two heartbeats (1 s).
 */
const confirmAfterMs = 300;

const episodes = z.record(z.string(), z.object({ since: z.number(), theirs: z.string().nullable() }));
type Episode = z.infer<typeof episodes>[string];

/** True if this node and the peer were both MASTER when they last heard of each other. */
export function hasOpenEpisode(journal: Pick<Journal, "read">, peer: string): boolean {
  return Object.hasOwn(episodes.safeParse(journal.read("both-master")).data ?? {}, peer);
}

export interface BothMastersDeps {
  readonly board: Pick<PeerBoard, "ownRole" | "views" | "onNews" | "askOnHint">;
  readonly journal: Pick<Journal, "read" | "write" | "addNote">;
  readonly log: Logger;
  /** What this node's ProxySQL holds. */
  readonly running: () => Lineage | null;
}

/**
 * Notices that a peer and this node are MASTER at once, and writes down both lineages: once when it begins and once
 * when it ends, whatever happens to the agent in between. A peer that cannot be asked any more has ended nothing.
 */
export class BothMasters {
  readonly #deps: BothMastersDeps;
  readonly #open: Map<string, Episode>;
  readonly #firstSeen = new Map<string, { at: number; timer: NodeJS.Timeout }>();

  constructor(deps: BothMastersDeps) {
    this.#deps = deps;
    const known = new Set(deps.board.views().map(({ name }) => name));
    const kept = Object.entries(episodes.safeParse(deps.journal.read("both-master")).data ?? {});
    this.#open = new Map(kept.filter(([name]) => known.has(name)));
    deps.board.onNews((name) => this.#look(name));
  }

  /** Looks at nobody any more. */
  stop(): void {
    for (const name of [...this.#firstSeen.keys()]) this.#forget(name);
  }

  #look(name: string): void {
    const { board } = this.#deps;
    const peer = board.views().find((view) => view.name === name);
    if (peer === undefined) return;
    if (board.ownRole === "MASTER" && peer.role === "MASTER") this.#seen(name, peer.running);
    else this.#notSeen(name, board.ownRole, peer);
  }

  #seen(name: string, theirs: Lineage | null): void {
    if (this.#open.has(name)) return;
    const first = this.#firstSeen.get(name);
    if (first === undefined) this.#askAgain(name);
    else if (monotonic() - first.at >= confirmAfterMs) this.#begin(name, theirs);
  }

  #askAgain(name: string): void {
    const { board, log } = this.#deps;
    const ask = (): void => inBackground(log, `asking ${name}`, board.askOnHint(name));
    // Timers may be a little early by the monotonic clock.
    this.#firstSeen.set(name, { at: monotonic(), timer: setTimeout(ask, confirmAfterMs + 5) });
  }

  #forget(name: string): void {
    clearTimeout(this.#firstSeen.get(name)?.timer);
    this.#firstSeen.delete(name);
  }

  #begin(peer: string, lineage: Lineage | null): void {
    const { journal, log, running } = this.#deps;
    this.#forget(peer);
    const [ours, theirs] = [textOf(running()), textOf(lineage)];
    this.#open.set(peer, { since: wallClock(), theirs });
    journal.addNote("both-master", { peer, ours, theirs });
    log.error({ peer, ours, theirs }, "both nodes are MASTER: nothing is exchanged until one of them is not");
    this.#keep();
  }

  #notSeen(name: string, own: NodeRole, peer: PeerView): void {
    this.#forget(name);
    const episode = this.#open.get(name);
    if (episode === undefined || ![own, peer.role].some((role) => role === "BACKUP" || role === "INIT"))
      return;
    this.#open.delete(name);
    const { journal, log, running } = this.#deps;
    const ms = Math.max(0, wallClock() - episode.since);
    const [ours, theirs] = [textOf(running()), textOf(peer.running) ?? episode.theirs];
    journal.addNote("both-master-ended", { peer: name, ours, theirs, ms });
    log.info(`${name} and this node are not both MASTER any more, after ${ms} ms`);
    this.#keep();
  }

  /** So that a restarted agent neither tells it again nor forgets to tell its end. */
  #keep(): void {
    try {
      this.#deps.journal.write({ "both-master": Object.fromEntries(this.#open) });
    } catch (error) {
      this.#deps.log.error(errorFields(error), "that both nodes are MASTER could not be kept for a restart");
    }
  }
}

function textOf(lineage: Lineage | null): string | null {
  return lineage === null ? null : formatLineage(lineage);
}
