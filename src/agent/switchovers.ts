import { randomUUID } from "node:crypto";
import { errorFields, inBackground } from "../platform/background.js";
import { monotonic, withDeadline } from "../platform/clock.js";
import { isKnown, KnownError, sentenceOf } from "../platform/errors.js";
import { isOver, readSwitchover, type SwitchoverDocument } from "../switchover/document.js";
import { Progress } from "../switchover/progress.js";
import {
  type Ending,
  runSwitchover,
  type SwitchoverOptions,
  type SwitchoverParts,
} from "./switchover-run.js";

/** The agent's stop is bounded; what is not undone by then the next start makes right. */
const stopMs = 5_000;

/** For so long a peer that performs a switchover may be away before whoever waits for it is told so. */
const silenceMs = 15_000;

interface Remote {
  readonly id: string;
  readonly peer: string;
  last: SwitchoverDocument;
  heardAt: number;
}

interface Running {
  /** As it was asked for. */
  readonly to: string | null;
  readonly progress: Progress;
  readonly cancel: AbortController;
  readonly ended: Promise<void>;
}

/** The switchovers of this node: the one that runs, or the last one, and those that a peer performs for us. */
export class Switchovers {
  readonly #parts: SwitchoverParts;
  #last: Running | undefined;
  /** The last dry run: it changes nothing, so it keeps nobody else from anything. */
  #look: Running | undefined;
  readonly #stopping = new AbortController();
  /** Asked for here, performed by the peer that has the role. */
  #remote: Remote | undefined;

  constructor(parts: SwitchoverParts) {
    this.#parts = parts;
    tellLeftover(parts);
  }

  /**
   * Begins one, in whichever direction: this node gives its role away, or has the peer that has it give it to this one.
   * Returns at once; `progress` tells how it goes.
   */
  async start(options: SwitchoverOptions): Promise<SwitchoverDocument> {
    const { node, observer } = this.#parts;
    const { name } = node.config.node;
    const { role } = await observer.lookAtCarp();
    const master = node.board.views().find((peer) => peer.reachable && peer.role === "MASTER")?.name;
    const takes = role !== "MASTER" && (options.to === null || options.to === name) && master !== undefined;
    if (!takes) return this.give(options);
    const { force, dryRun, timeoutMs } = options;
    const answer = await this.#ask(master, { op: "give", force, dryRun, timeoutMs });
    // One that is refused must not hide the one that runs from who follows it.
    if (!isOver(answer)) this.#remote = { id: answer.id, peer: master, last: answer, heardAt: monotonic() };
    return answer;
  }

  /** Gives this node's role away. */
  give(options: SwitchoverOptions): SwitchoverDocument {
    const { name } = this.#parts.node.config.node;
    const progress = new Progress(randomUUID().slice(0, 8), name, options.to ?? "");
    if (this.#last !== undefined && this.isRunning) {
      const { id, to } = this.#last.progress;
      const sentence = `Node ${name} is giving the role to ${to} already (switchover ${id}).`;
      const todo = "Wait until it is over: `proxysql-carp status`.";
      progress.refusals([{ code: "running", sentence, todo, canForce: false }], []);
      progress.over("refused", sentence);
      return progress.document();
    }
    // One look at a time: a peer may ask as often as it likes.
    const look = options.dryRun && this.#look?.to === options.to ? this.#look.progress : undefined;
    if (look?.isOver === false) return look.document();
    const cancel = new AbortController();
    const ended = this.#run(options, progress, { cancel: cancel.signal, stop: this.#stopping.signal });
    const running = { to: options.to, progress, cancel, ended };
    if (options.dryRun) this.#look = running;
    else this.#last = running;
    inBackground(this.#parts.node.log, "a switchover", ended);
    return progress.document();
  }

  /** How the switchover `id` goes, or went. */
  async progress(id: string): Promise<SwitchoverDocument> {
    const here = this.#here(id);
    if (here !== undefined) return here.progress.document();
    if (this.#remote?.id === id) return this.#remoteProgress(this.#remote);
    throw new KnownError(
      "not-done",
      `This agent knows of no switchover ${id}: it was started anew meanwhile, and makes ProxySQL and CARP agree. Look at \`proxysql-carp status\`.`,
    );
  }

  /** Ends the switchover `id` before its time: it is undone, unless the peer has the role already. */
  async cancel(id: string): Promise<SwitchoverDocument> {
    if (this.#remote?.id === id) return this.#ask(this.#remote.peer, { op: "cancel", id });
    this.#here(id)?.cancel.abort();
    return this.progress(id);
  }

  #here(id: string): Running | undefined {
    return [this.#last, this.#look].find((one) => one?.progress.id === id);
  }

  /** This node is giving its role away. */
  get isRunning(): boolean {
    return this.#last !== undefined && !this.#last.progress.isOver;
  }

  /** A peer that is busy or away for a moment goes on all the same: what it said last still holds then. */
  async #remoteProgress(remote: Remote): Promise<SwitchoverDocument> {
    const { id, peer } = remote;
    try {
      remote.last = await this.#ask(peer, { op: "progress", id });
      remote.heardAt = monotonic();
    } catch (error) {
      if (!isKnown(error) || error.code === "not-done") throw error;
      if (monotonic() - remote.heardAt > silenceMs)
        throw new KnownError(
          "not-done",
          `Peer ${peer}, which gives the role, cannot be asked any more how switchover ${id} goes: ${error.message} It finishes or undoes it by itself. Look at \`proxysql-carp status\` on both nodes.`,
          {},
          error,
        );
    }
    return remote.last;
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    if (this.#last === undefined) return;
    try {
      await withDeadline(this.#last.ended, stopMs, "The switchover's end");
    } catch (error) {
      // A reload would end with it, and no agent would be there to make it right.
      const { log } = this.#parts.node;
      log.error(
        errorFields(error),
        "a switchover did not end in time: the next start deals with what is left of it",
      );
    }
  }

  async #run(options: SwitchoverOptions, progress: Progress, ending: Ending): Promise<void> {
    try {
      await runSwitchover(this.#parts, options, progress, ending);
    } catch (error) {
      // Not even undoing it worked: the plan goes on from what is.
      this.#parts.node.log.error(errorFields(error), "a switchover ended unforeseen");
      progress.over("failed", sentenceOf(error));
    }
  }

  async #ask(peer: string, ask: Readonly<Record<string, unknown>>): Promise<SwitchoverDocument> {
    const link = this.#parts.node.links.get(peer);
    if (link === undefined) throw new KnownError("not-done", `There is no peer ${peer}.`);
    const answer = await link.switchover(ask);
    if (answer.ok !== true) throw new KnownError("not-done", `Peer ${peer}: ${String(answer.error)}`);
    const document = readSwitchover(answer.switchover);
    if (document !== null) return document;
    throw new KnownError(
      "not-done",
      `Peer ${peer} tells of the switchover in a form that is not known here.`,
    );
  }
}

/** The last process ended in the middle of one. The plan finishes or undoes it, by what ifconfig says. */
function tellLeftover({ node }: SwitchoverParts): void {
  const { leftover } = node.switchover;
  if (leftover === null) return;
  const { id, to } = leftover;
  node.log.warn({ id, to }, "a switchover was cut short: ProxySQL is made to fit the CARP role");
  node.journal.addNote("switchover-cut-short", { id, to });
  node.switchover.end();
}
