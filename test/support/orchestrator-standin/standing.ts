import { randomBytes } from "node:crypto";
import { failure, plain, type Reply } from "./answers.js";
import type { NodeSpec, StandinOptions } from "./protocol.js";
import { healthMould, type Row } from "./recorded.js";
import { isoSeconds } from "./times.js";
import { hostname, type World } from "./world.js";

const noTime = "0001-01-01T00:00:00Z";
/** A leader lists who reports to it; a fresh one has heard from nobody yet. */
const reportMs = 5_000;

/** What a node says of itself, and never lets the leader say. */
export class NodeStanding {
  readonly #world: World;
  readonly #options: StandinOptions;
  readonly #index: number;
  readonly #token = randomBytes(32).toString("hex");
  readonly #since = isoSeconds(Date.now());
  #ledSince: number | undefined = 0;

  constructor(world: World, options: StandinOptions, index: number) {
    this.#world = world;
    this.#options = options;
    this.#index = index;
  }

  /** The answer to what is not proxied; undefined for anything else. `healthy`: the backend can be written. */
  answer(name: string, argument: string | undefined, healthy: boolean): Reply | undefined {
    if (name === "lb-check" || name === "_ping") return plain("OK");
    if (name === "health" || name === "status") return this.#health(healthy);
    if (name === "leader-check") {
      return this.#leads() ? plain("OK") : plain("Not leader", Number(argument ?? 404));
    }
    if (!name.startsWith("raft-")) return undefined;
    return this.#options.raft ? this.#raft(name) : failure(`${name}: not running with raft setup`);
  }

  #raft(name: string): Reply | undefined {
    const { state, leader, lastLeader } = this.#node();
    const healthy = state !== "Candidate";
    const address = leader === null ? "" : raftAddress(this.#spec(leader));
    if (name === "raft-leader") return plain(address);
    if (name === "raft-state") return plain(state);
    if (name === "raft-health") return healthy ? plain("healthy") : failure("unhealthy");
    const own = raftAddress(this.#spec(this.#index));
    const peers = this.#options.nodes.map(raftAddress);
    const first = raftAddress(this.#spec(lastLeader));
    if (name === "raft-peers") return plain(peers);
    if (name !== "raft-status") return undefined;
    return plain({
      RaftBind: own,
      RaftAdvertise: own,
      State: state,
      Healthy: healthy,
      IsPartOfQuorum: healthy && address !== "",
      Leader: address,
      LeaderURI: uriOf(this.#options, this.#spec(lastLeader)),
      Peers: [first, ...peers.filter((peer) => peer !== first)],
    });
  }

  #health(healthy: boolean): Reply {
    const mould = healthMould.Details as Row;
    if (!healthy) {
      const error = "database or disk is full";
      return {
        status: 500,
        document: {
          Code: "ERROR",
          Message: `Application node is unhealthy ${error}`,
          Details: {
            ...mould,
            Healthy: false,
            Hostname: hostname,
            Token: this.#token,
            Error: {},
            AvailableNodes: null,
          },
        },
      };
    }
    const me = { Hostname: hostname, Token: this.#token, AppVersion: "", FirstSeenActive: this.#since };
    const seen = {
      ...me,
      LastSeenActive: isoSeconds(Date.now()),
      ExtraInfo: "",
      Command: "",
      LastReported: noTime,
    };
    const leader = this.#options.raft ? this.#node().leader : null;
    const name = leader === null ? "" : raftAddress(this.#spec(leader));
    const active = {
      ...seen,
      Hostname: name,
      Token: "",
      FirstSeenActive: "",
      LastSeenActive: "",
      DBBackend: "",
    };
    const database = `/var/lib/orchestrator/orc${this.#index + 1}.sqlite3`;
    return {
      status: 200,
      document: {
        ...healthMould,
        Details: {
          ...mould,
          Token: this.#token,
          IsActiveNode: this.#leads(),
          ActiveNode: this.#options.raft ? active : { ...seen, DBBackend: "" },
          AvailableNodes: [{ ...seen, DBBackend: database }],
          ...(this.#options.raft ? this.#raftHealth(name) : {}),
        },
      },
    };
  }

  #raftHealth(leader: string): Row {
    const { lastLeader } = this.#node();
    const leads = this.#leads();
    this.#ledSince = leads ? (this.#ledSince ?? Date.now()) : undefined;
    const others = this.#options.nodes.filter((_, index) => index !== this.#index);
    const me = this.#spec(this.#index);
    const reported = leads && Date.now() - (this.#ledSince ?? 0) >= reportMs;
    return {
      RaftLeader: leader,
      IsRaftLeader: leads,
      RaftLeaderURI: uriOf(this.#options, this.#spec(lastLeader)),
      RaftAdvertise: me.host,
      RaftHealthyMembers: reported ? [...others, me].map(({ host }) => host) : null,
    };
  }

  #leads(): boolean {
    return !this.#options.raft || this.#node().state === "Leader";
  }

  #node() {
    return at(this.#world.raft.nodes, this.#index);
  }

  #spec(index: number): NodeSpec {
    return at(this.#options.nodes, index);
  }
}

/** Where a node answers: Orchestrator names scheme, host and port, and never a prefix. */
export function uriOf(options: StandinOptions, { host, port }: NodeSpec): string {
  return `${options.tls === undefined ? "http" : "https"}://${host}:${port}`;
}

function raftAddress({ host, port, raft }: NodeSpec): string {
  return raft ?? `${host}:${port + 1}`;
}

function at<T>(list: readonly T[], index: number): T {
  const item = list[index];
  if (item === undefined) throw new Error(`there is no node ${index}`);
  return item;
}
