import { formatDuration } from "../platform/duration.js";
import type { Facts, FenceFacts } from "./facts.js";
import type { Finding } from "./reason.js";

/** One answer may be late, and a leader may just have changed: that alone is told to nobody. */
const silentMs = 3_000;
/** ProxySQL may be restarting: a fence that is not on for so long is. */
const unappliedMs = 3_000;
/** A list of servers names so many of them; a wrong name in the configuration concerns all. */
const most = 20;

/** Reasons about the MySQL servers behind ProxySQL, and about Orchestrator, which knows them. */
export function findFence({ node, fence }: Facts): Finding[] {
  if (fence === null) return [];
  return [
    ...isolated(node, fence),
    ...unreachable(node, fence),
    ...unapplied(node, fence),
    ...fenced(fence),
    ...unknown(fence),
  ];
}

const kinds = {
  "cut-off": "this node is cut off",
  "orchestrator-down": "Orchestrator is down, and this node is not cut off",
  unclear: "whether Orchestrator is down or this node is cut off cannot be told",
} as const;

const actions = {
  fence: "no MySQL server is used until a quorum answers again",
  alert: "servers go on being used, and a dead primary that comes back is not seen",
  demote: "the address goes to a peer that sees a quorum, if there is one",
} as const;

function isolated(node: string, { isolation }: FenceFacts): Finding[] {
  if (isolation === null) return [];
  const { kind, why, action, since } = isolation;
  return [
    {
      code: "isolated",
      about: null,
      sentence: `No leader of Orchestrator in quorum has answered ${node} since ${since}: ${kinds[kind]}; ${actions[action]}. ${why}`,
      todo: "Look at Orchestrator's nodes (`curl URL/api/raft-status`) and at the network between here and there. If Orchestrator will stay away: `[orchestrator] on_isolation`, then `service proxysql_carp reload`.",
    },
  ];
}

function unreachable(node: string, { silence, isolation }: FenceFacts): Finding[] {
  if (silence === null || isolation !== null || silence.forMs < silentMs) return [];
  if (silence.graceMs === null)
    return [
      {
        code: "orchestrator-unreachable",
        about: null,
        sentence: `${node} has no [orchestrator] any more, and what was fenced before stays so: nobody says when that is over.`,
        todo: "Put [orchestrator] back, or take each fence off by hand: `proxysql-carp fence release HOST:PORT --force`.",
      },
    ];
  return [
    {
      code: "orchestrator-unreachable",
      about: null,
      sentence: `No leader of Orchestrator in quorum has answered ${node} for ${formatDuration(silence.forMs)}: ${silence.why}`,
      todo: `Look at Orchestrator's nodes (\`curl URL/api/raft-status\`). After ${formatDuration(silence.graceMs)} this node takes itself for isolated.`,
    },
  ];
}

function unapplied(node: string, { problem }: FenceFacts): Finding[] {
  if (problem === null || problem.forMs < unappliedMs) return [];
  return [
    {
      code: "fence-not-applied",
      about: null,
      sentence: `ProxySQL on ${node} has not kept to what is fenced for ${formatDuration(problem.forMs)}: ${problem.sentence}`,
      todo: "Look at `proxysql-carp fence status` and at runtime_mysql_servers. The agent goes on trying.",
    },
  ];
}

function fenced({ fences }: FenceFacts): Finding[] {
  return fences.slice(0, most).map(({ server, kind, detail, successor, since }) => ({
    code: "server-fenced",
    about: server,
    sentence: `${server} gets no new work since ${since}: ${causeOf(kind, detail, successor)}.`,
    todo: `Bring it back as a replica, or end its downtime in Orchestrator; the fence then comes off by itself. \`proxysql-carp fence report ${server}\` tells what it has that its successor lacks.`,
  }));
}

function causeOf(
  kind: FenceFacts["fences"][number]["kind"],
  detail: string,
  successor: string | null,
): string {
  if (kind === "downtime") return `Orchestrator has it in downtime (${detail})`;
  if (kind === "replaced") return `Orchestrator has replaced it by ${successor ?? "another one"} (${detail})`;
  return `it is ${detail}, and Orchestrator has not answered this node yet`;
}

function unknown({ unknown: servers }: FenceFacts): Finding[] {
  return servers.slice(0, most).map(({ server, maybe }) => ({
    code: "server-unknown",
    about: server,
    sentence: `Orchestrator does not know ${server} by that name: if it dies, it will not be fenced.`,
    todo:
      maybe === null
        ? "Say in `[fence] hosts` what Orchestrator calls it, or have Orchestrator discover it."
        : `Orchestrator knows ${maybe}, which has the same address: if it is that one, add "${server}" = "${maybe}" to \`[fence] hosts\`.`,
  }));
}
