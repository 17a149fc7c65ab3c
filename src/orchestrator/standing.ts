import { readHealthy, readRaftStatus } from "./answers.js";
import { documentOf, messageOf, type Node, unexpected } from "./node.js";
import { EndpointTrouble } from "./trouble.js";

/** What a node is among its peers, in its own words. */
export interface Standing {
  readonly leads: boolean;
  /** Raft's name of the leader that it knows; a node without raft has none. */
  readonly leader: string | undefined;
  /** Where that leader answers. */
  readonly leaderUri: string | undefined;
}

/**
 * Asks a node where it stands. Only one in quorum counts: without a leader Orchestrator answers everything from its own
 * old database, and its health stays good. `EndpointTrouble` for anything that is not plainly a leader or a follower.
 */
export async function askStanding(node: Node): Promise<Standing> {
  const answer = await node.ask("raft-status");
  // 500 and this sentence is all that a single Orchestrator says to this (go/http/api.go).
  if (answer.status === 500 && messageOf(answer.body).includes("not running with raft setup")) {
    return { leads: await isLeader(node), leader: undefined, leaderUri: undefined };
  }
  if (answer.status !== 200) throw unexpected("raft-status", answer);
  const { State, IsPartOfQuorum, Leader, LeaderURI } = readRaftStatus(documentOf(answer, "raft-status"));
  if (!IsPartOfQuorum || Leader === "") {
    throw new EndpointTrouble("no-quorum", `It is not in quorum: raft state ${State}, leader "${Leader}".`);
  }
  const leads = (await isLeader(node)) && State === "Leader";
  return { leads, leader: Leader, leaderUri: LeaderURI };
}

/** leader-check is answered by the very node that is asked, never by the leader for it: 200, or 404 with "Not leader". */
export async function isLeader(node: Node): Promise<boolean> {
  const answer = await node.ask("leader-check");
  if (answer.status === 404 && documentOf(answer, "leader-check") === "Not leader") return false;
  if (answer.status === 200 && documentOf(answer, "leader-check") === "OK") return true;
  throw unexpected("leader-check", answer);
}

/**
 * `EndpointTrouble` if the node's backend is unwell. /api/health tries to write there (go/process/health.go, HealthTest):
 * with a full disk all else is still answered, and stays as it was.
 */
export async function requireHealth(node: Node): Promise<void> {
  const answer = await node.ask("health");
  const healthy = answer.status === 200 && readHealthy(documentOf(answer, "health"));
  if (healthy) return;
  const said = messageOf(answer.body);
  throw new EndpointTrouble(
    "nonsense",
    `It leads, but may answer with an old state: its backend is unhealthy${said === "" ? "" : ` (${said})`}.`,
  );
}
