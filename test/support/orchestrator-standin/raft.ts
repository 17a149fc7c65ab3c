import type { ElectionTimes } from "./protocol.js";

export interface RaftNode {
  readonly index: number;
  alive: boolean;
  /** Cut off from those that are not, and together with those that are. */
  cut: boolean;
  state: "Leader" | "Follower" | "Candidate";
  /** Whom it takes for the leader. */
  leader: number | null;
  /** Whom it last took for the leader: LeaderURI stays when the leader is gone. */
  lastLeader: number;
  /** Of the leader that it last followed: who has followed a later one knows more. */
  term: number;
}

/**
 * Raft as seen from outside, in Orchestrator's measured times: followers of a dead leader believe in it for a while,
 * then are candidates, then one is elected; a leader without a majority steps down.
 */
export class Raft {
  readonly nodes: readonly RaftNode[];
  #times: Required<ElectionTimes> = { noticeMs: 1_100, candidateMs: 1_700, leaseMs: 500 };
  #timers: NodeJS.Timeout[] = [];
  readonly #onLead: (index: number) => void;

  constructor(count: number, times: ElectionTimes, onLead: (index: number) => void) {
    this.nodes = Array.from({ length: count }, (_, index) => ({
      index,
      alive: true,
      cut: false,
      state: index === 0 ? "Leader" : "Follower",
      leader: 0,
      lastLeader: 0,
      term: 0,
    }));
    this.#onLead = onLead;
    this.#times = { ...this.#times, ...times };
  }

  /** What is waited for begins anew. */
  setTimes(times: ElectionTimes): void {
    this.#times = { ...this.#times, ...times };
    this.settle();
  }

  /** To be called after a change of `alive` or `cut`. */
  settle(): void {
    for (const timer of this.#timers) clearTimeout(timer);
    this.#timers = [];
    const living = this.nodes.filter(({ alive }) => alive);
    for (const side of [living.filter(({ cut }) => !cut), living.filter(({ cut }) => cut)])
      this.#settleSide(side);
  }

  /** The living node that leads; of two, the one elected last. */
  get leader(): number | undefined {
    return latest(this.nodes.filter(({ alive, state }) => alive && state === "Leader"))?.index;
  }

  /** Whether two nodes reach each other. */
  connected(a: number, b: number): boolean {
    const [first, second] = [this.#at(a), this.#at(b)];
    return first.alive && second.alive && first.cut === second.cut;
  }

  /** A node that comes back has no leader yet. */
  revive(index: number): void {
    Object.assign(this.#at(index), { alive: true, state: "Candidate", leader: null });
    this.settle();
  }

  #settleSide(side: readonly RaftNode[]): void {
    const majority = side.length * 2 > this.nodes.length;
    const leader = latest(side.filter(({ state }) => state === "Leader"));
    if (leader !== undefined && majority) this.#follow(side, leader);
    else if (leader !== undefined) this.#after(this.#times.leaseMs, () => this.#disown(side));
    else if (side.some((node) => node.leader !== null)) {
      this.#after(this.#times.noticeMs, () => {
        this.#disown(side);
        if (majority) this.#electAfterwards(side);
      });
    } else if (majority) this.#electAfterwards(side);
  }

  #electAfterwards(side: readonly RaftNode[]): void {
    this.#after(this.#times.candidateMs, () => {
      const elected = latest(side);
      if (elected === undefined) return;
      elected.term = Math.max(...this.nodes.map(({ term }) => term)) + 1;
      this.#follow(side, elected);
    });
  }

  #follow(side: readonly RaftNode[], leader: RaftNode): void {
    for (const node of side) {
      node.state = node === leader ? "Leader" : "Follower";
      node.leader = leader.index;
      node.lastLeader = leader.index;
      node.term = leader.term;
    }
    this.#onLead(leader.index);
  }

  #disown(side: readonly RaftNode[]): void {
    for (const node of side) Object.assign(node, { state: "Candidate", leader: null });
  }

  #after(ms: number | null, act: () => void): void {
    if (ms !== null) this.#timers.push(setTimeout(act, ms));
  }

  #at(index: number): RaftNode {
    const node = this.nodes[index];
    if (node === undefined) throw new Error(`there is no node ${index}`);
    return node;
  }
}

/** The last one of those with the highest term. */
function latest(nodes: readonly RaftNode[]): RaftNode | undefined {
  return nodes.reduce<RaftNode | undefined>(
    (best, node) => (best === undefined || node.term >= best.term ? node : best),
    undefined,
  );
}
