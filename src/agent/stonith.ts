import { z } from "zod";
import type { Config } from "../config/schema.js";
import type { Journal } from "../journal/journal.js";
import { answersTcp } from "../platform/answers-tcp.js";
import { monotonic, wallClock } from "../platform/clock.js";
import { KnownError } from "../platform/errors.js";
import type { Logger } from "../platform/log.js";
import { runOperatorCommand } from "../platform/operator-command.js";
import type { NodeRole } from "../role/carp-role.js";
import type { Stonith, Target } from "../role/stonith.js";
import { hasOpenEpisode } from "./both-masters.js";
import type { PeerBoard } from "./peer-board.js";

/** A host on the same network answers within a millisecond, a busy one within some. */
const knockMs = 500;
/**
 * A host that answered may have gone down while the promotion is held. One that did not answer holds no address: if it
 * does later on it boots, and must not be shot for that.
 */
const knockCountsMs = 5_000;
const firstPauseMs = 1_000;
const longestPauseMs = 30_000;
/** What the agent before this one knows of a shot counts for so long: a promotion that it was cut off in is newer. */
const recordCountsMs = 300_000;

const recordsSchema = z.record(
  z.string(),
  z.object({ state: z.enum(["begun", "hit", "missed"]), at: z.number(), why: z.string().nullable() }),
);
type Records = z.infer<typeof recordsSchema>;

export interface ShootingDeps {
  readonly config: Pick<Config, "stonith" | "peer">;
  readonly journal: Pick<Journal, "read" | "tryWrite" | "addNote">;
  readonly log: Logger;
  readonly board: Pick<PeerBoard, "views" | "ask" | "givesTo">;
  /** The name of this node. */
  readonly node: string;
  readonly isLinkUp: (peer: string) => boolean;
}

/** A shot that failed, as health tells it. */
export interface Miss {
  readonly peer: string;
  readonly why: string;
}

/**
 * Has a peer's host switched off before this node is promoted, when it cannot be asked and may still hold the address.
 *
 * Once for each peer and gain of the role, by a record in the journal before and after. An agent that dies between the
 * two leaves a shot of which nobody knows whether it hit. It is fired again, and that is said: a host that is switched
 * off twice is off, while one that was missed would serve clients beside this node. For the same reason a journal
 * that cannot be written keeps no shot from being fired.
 */
export class Shooting {
  readonly #deps: ShootingDeps;
  #records: Records;
  readonly #knocks = new Map<string, { contested: boolean; at: number }>();
  readonly #misses = new Map<string, { tries: number; at: number }>();

  constructor(deps: ShootingDeps) {
    this.#deps = deps;
    const kept = recordsSchema.safeParse(deps.journal.read("stonith")).data ?? {};
    const names = new Set(deps.config.peer.map(({ name }) => name));
    this.#records = Object.fromEntries(
      Object.entries(kept).filter(
        ([name, { at }]) => names.has(name) && Math.abs(wallClock() - at) < recordCountsMs,
      ),
    );
  }

  /** For the plan; null without a command. */
  view(): Stonith | null {
    const { command, when, on_failure } = this.#deps.config.stonith;
    if (command === undefined) return null;
    return {
      when,
      onFailure: on_failure,
      targets: this.#deps.config.peer.map(({ name }) => this.#target(name)),
    };
  }

  /** Shots that failed, while the peer cannot be asked. */
  misses(): Miss[] {
    const reachable = new Map(this.#deps.board.views().map((peer) => [peer.name, peer.reachable]));
    return Object.entries(this.#records).flatMap(([peer, { state, why }]) =>
      state === "missed" && reachable.get(peer) === false ? [{ peer, why: why ?? "" }] : [],
    );
  }

  /** The role as it was seen. Without it everything is forgotten: the next gain is another event. */
  roleSeen(role: NodeRole): void {
    if (role === "MASTER" || role === "unknown") return;
    this.#knocks.clear();
    this.#misses.clear();
    if (Object.keys(this.#records).length > 0) this.#keep({});
  }

  /** The promotion came through: what was hit is over. A miss stays told until the peer is back or the role gone. */
  promoted(): void {
    const missed = Object.entries(this.#records).filter(([, { state }]) => state === "missed");
    if (missed.length < Object.keys(this.#records).length) this.#keep(Object.fromEntries(missed));
  }

  /** Finds out whether a peer that cannot be asked may still hold the shared address. */
  async knock(peer: string): Promise<string> {
    const { journal } = this.#deps;
    const { host, port } = this.#peer(peer);
    const both = hasOpenEpisode(journal, peer);
    const answers = both || (await answersTcp({ host, port }, knockMs));
    this.#knocks.set(peer, { contested: answers, at: monotonic() });
    if (both) return `${peer} was MASTER together with this node when it was last heard`;
    return answers ? `the host of ${peer} answers` : `the host of ${peer} does not answer`;
  }

  /**
   * Shoots it, unless its link is up again by now. Rejects with `stonith-failed` if the command failed and the promotion
   * is to be held for that.
   */
  async shoot(peer: string, signal: AbortSignal): Promise<string> {
    const { config, board, isLinkUp } = this.#deps;
    const { command = [], timeout, on_failure } = config.stonith;
    if (isLinkUp(peer)) {
      await board.ask(peer);
      return `the link to ${peer} is up again: not shot`;
    }
    const { host } = this.#peer(peer);
    const repeated = this.#records[peer]?.state === "begun";
    this.#begin(peer, repeated);
    const input = { stdin: "", env: { PROXYSQL_CARP_PEER: peer, PROXYSQL_CARP_HOST: host } };
    const why = await runOperatorCommand(filledIn(command, peer, host), timeout, signal, input);
    // Whether one that was cut off hit is not known: it stays begun.
    if (why !== undefined && signal.aborted)
      throw new KnownError("not-done", `The shot at ${peer} was given up.`);
    this.#end(peer, why);
    if (why === undefined) return `${peer} was shot${repeated ? ", once more" : ""}`;
    if (on_failure === "go-on") return `${peer} could not be shot, and this node goes on: ${why}`;
    throw new KnownError("stonith-failed", `${peer} could not be shot, and the promotion is held: ${why}`);
  }

  #begin(peer: string, repeated: boolean): void {
    const { journal, log } = this.#deps;
    if (repeated) {
      log.warn({ peer }, "an agent was cut off while it shot the peer: it is shot once more");
      journal.addNote("stonith-repeated", { peer });
    }
    log.warn({ peer }, "the peer may still hold the address and cannot be asked: it is shot");
    this.#keep({ ...this.#records, [peer]: { state: "begun", at: wallClock(), why: null } });
  }

  #end(peer: string, why: string | undefined): void {
    const { journal, log } = this.#deps;
    const state = why === undefined ? "hit" : "missed";
    this.#keep({ ...this.#records, [peer]: { state, at: wallClock(), why: why ?? null } });
    journal.addNote("stonith", { peer, outcome: state, why: why ?? null });
    if (why === undefined) {
      this.#misses.delete(peer);
      return;
    }
    this.#misses.set(peer, { tries: (this.#misses.get(peer)?.tries ?? 0) + 1, at: monotonic() });
    log.error({ peer, why }, "the peer could not be shot");
  }

  #target(peer: string): Target {
    const knock = this.#knocks.get(peer);
    const miss = this.#misses.get(peer);
    const state = this.#records[peer]?.state ?? "begun";
    const pause = miss === undefined ? 0 : Math.min(longestPauseMs, firstPauseMs * 2 ** (miss.tries - 1));
    return {
      peer,
      contested:
        knock && (!knock.contested || monotonic() - knock.at < knockCountsMs) ? knock.contested : null,
      shot: state === "begun" ? "none" : state,
      nextShotInMs: miss === undefined ? 0 : Math.max(0, pause - (monotonic() - miss.at)),
      givesToUs: this.#deps.board.givesTo(peer, this.#deps.node),
    };
  }

  #peer(name: string): Config["peer"][number] {
    const found = this.#deps.config.peer.find((peer) => peer.name === name);
    if (found === undefined) throw new KnownError("not-done", `There is no [[peer]] ${name}.`);
    return found;
  }

  #keep(records: Records): void {
    this.#records = records;
    this.#deps.journal.tryWrite({ stonith: records });
  }
}

/** The operator's command for one peer. What is put in stays inside its argument, whatever characters it has. */
export function filledIn(command: readonly string[], peer: string, host: string): string[] {
  const values: Readonly<Record<string, string>> = { "{peer}": peer, "{host}": host };
  const [program = "", ...args] = command;
  return [program, ...args.map((arg) => arg.replace(/\{peer\}|\{host\}/g, (name) => values[name] ?? name))];
}
