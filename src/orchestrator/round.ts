import { sleep } from "../platform/clock.js";
import { sentenceOf } from "../platform/errors.js";
import { leaderEndpoint } from "./endpoint-url.js";
import { linkAbort } from "./linked-abort.js";
import { Node, type Wire } from "./node.js";
import { readView } from "./read-view.js";
import { askStanding, type Standing } from "./standing.js";
import { EndpointTrouble, shown } from "./trouble.js";
import type { EndpointView, OrchestratorView, Recovery } from "./types.js";

/** What all questions of one look share. */
export interface Inquiry {
  readonly wire: Wire;
  readonly instances: boolean;
  readonly seen: (recovery: Recovery) => boolean;
  readonly endpoints: readonly string[];
  /** Nodes beyond the endpoints may be asked too: nothing secret would be sent to them. */
  readonly mayFollow: boolean;
  readonly signal: AbortSignal;
}

/** How long a view waits for the other nodes' word on who leads. Only when all are asked: at the start, or after a fall. */
const graceMs = 200;
/** Most nodes that are asked only because others named them as leader. */
const mostFollowed = 3;

/**
 * One round of questions to several nodes at once. It ends shortly after the first whole view, or when all have had
 * their say: a node that dribbles holds up nobody.
 */
export class Round {
  readonly #inquiry: Inquiry;
  readonly #views = new Map<string, EndpointView>();
  readonly #standings = new Map<string, Standing>();
  readonly #asked = new Set<string>();
  readonly #told: Promise<unknown>[] = [];
  #followed = 0;

  constructor(inquiry: Inquiry) {
    this.#inquiry = inquiry;
  }

  /** In the order in which they answered. */
  get endpoints(): readonly EndpointView[] {
    return [...this.#views.values()];
  }

  /** Asks those that were not asked yet. The view of the leader among them, or undefined. */
  async ask(urls: readonly string[]): Promise<OrchestratorView | undefined> {
    const cut = linkAbort(this.#inquiry.signal);
    try {
      const examined = urls.map(async (url) => {
        const view = await this.#examine(url, cut.signal);
        if (view === undefined) throw new NoView();
        return view;
      });
      const view = await Promise.any(examined);
      await Promise.race([Promise.allSettled(this.#told), sleep(graceMs, cut.signal)]);
      return view;
    } catch (error) {
      if (error instanceof AggregateError) return undefinedOrFault(error);
      throw error;
    } finally {
      cut.abort();
      cut.release();
    }
  }

  /** Two nodes that say different things about who leads, as a sentence; undefined if they agree. */
  disagreement(leader: string): string | undefined {
    const own = this.#standings.get(leader)?.leader;
    for (const [url, standing] of this.#standings) {
      if (url === leader) continue;
      const other = standing.leader ?? (standing.leads ? url : undefined);
      if (other !== undefined && other !== (own ?? leader)) {
        return `${leader} leads, but ${url} says that ${standing.leads ? "it does itself" : `${other} does`}.`;
      }
    }
    return undefined;
  }

  async #examine(url: string, signal: AbortSignal): Promise<OrchestratorView | undefined> {
    if (this.#asked.has(url)) return undefined;
    this.#asked.add(url);
    const node = new Node(url, this.#inquiry.wire, signal);
    try {
      const asking = askStanding(node);
      this.#told.push(asking);
      const standing = await asking;
      this.#standings.set(url, standing);
      if (standing.leads) return await this.#read(node);
      return await this.#follow(standing, url, signal);
    } catch (error) {
      if (!(error instanceof EndpointTrouble)) throw error;
      if (signal.aborted) return undefined;
      this.#note(url, error.state, sentenceOf(error));
      // It has gone, or leads no more: who leads next is not to be measured by what it said before.
      if (error.state === "unreachable" || error.state === "follower") this.#standings.delete(url);
      return undefined;
    }
  }

  async #read(node: Node): Promise<OrchestratorView> {
    const view = await readView(node, this.#inquiry.instances, this.#inquiry.seen);
    this.#note(node.url, "leader", "It leads.");
    return view;
  }

  /** The leader that a follower names: only where an answer may send us (it must not send credentials elsewhere). */
  async #follow(
    standing: Standing,
    teller: string,
    signal: AbortSignal,
  ): Promise<OrchestratorView | undefined> {
    const { endpoints, mayFollow } = this.#inquiry;
    const url = leaderEndpoint(standing.leaderUri ?? "", teller);
    const known = url !== undefined && endpoints.includes(url);
    const allowed = known || (mayFollow && this.#followed < mostFollowed);
    const place = url === undefined ? "" : ` at ${url}`;
    const limit = allowed ? "" : ", which is not among the endpoints";
    this.#note(teller, "follower", `It follows ${standing.leader ?? "another node"}${place}${limit}.`);
    if (url === undefined || !allowed || this.#asked.has(url)) return undefined;
    if (!known) this.#followed += 1;
    return this.#examine(url, signal);
  }

  #note(url: string, state: EndpointView["state"], detail: string): void {
    this.#views.set(url, { url, state, detail: shown(detail) });
  }
}

class NoView extends Error {}

/** Promise.any wraps all reasons: one that is no endpoint's doing is a fault of ours, and must be seen. */
function undefinedOrFault(error: AggregateError): undefined {
  for (const reason of error.errors) if (!(reason instanceof NoView)) throw reason;
  return undefined;
}
