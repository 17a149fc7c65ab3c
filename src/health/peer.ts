import { formatDuration } from "../platform/duration.js";
import type { Facts, PeerFacts } from "./facts.js";
import type { Finding } from "./reason.js";

/** A link that breaks is up again within a second if the other host is there. */
const unreachableMs = 5_000;
/** A restart of an agent takes two or three seconds. */
const agentDownMs = 8_000;
/** A node changes its mind while it takes the role over or gives it up. */
const notReadyMs = 10_000;
const skewedMs = 10_000;
/** From so much on two clocks are too far apart: times in both logs cannot be compared. Milliseconds. */
export const skewLimitMs = 2_000;
/** Two hosts are upgraded one after the other, with a switchover in between. */
const mismatchMs = 60_000;

/** Reasons about each peer: it cannot be asked, is not fit to take over, or is of another make. */
export function findPeer(facts: Facts): Finding[] {
  return facts.peers.flatMap((peer) => [
    ...unreachable(peer),
    ...agentDown(peer),
    ...notReady(peer),
    ...skewed(peer),
    ...mismatch(peer, facts.node),
  ]);
}

/** Another host key is one cause of being unreachable, and a reason of its own: it needs a person at once. */
function unreachable({ name, error, unreachableForMs }: PeerFacts): Finding[] {
  if (unreachableForMs === 0) return [];
  if (error?.code === "peer-host-key") {
    return [{ code: "host-key-changed", about: name, sentence: error.sentence, todo: error.hint }];
  }
  if (unreachableForMs < unreachableMs) return [];
  const why = error === null ? "no attempt to connect has ended yet" : error.sentence;
  return [
    {
      code: "peer-unreachable",
      about: name,
      sentence: `Peer ${name} has not been reachable for ${formatDuration(unreachableForMs)}: ${why}`,
      todo: error?.hint || `Try \`ssh\` to ${name} with [[peer]] user and key_file, as root on this node.`,
    },
  ];
}

function agentDown({ name, agentDownForMs }: PeerFacts): Finding[] {
  if (agentDownForMs < agentDownMs) return [];
  return [
    {
      code: "peer-agent-down",
      about: name,
      sentence: `On ${name} sshd answers but no agent, for ${formatDuration(agentDownForMs)}: it would not take over.`,
      todo: `On ${name}: \`service proxysql_carp status\`, look into its log, \`service proxysql_carp start\` (or \`restart\`, if it hangs).`,
    },
  ];
}

function notReady({ name, role, notReadyForMs, reasons, maintenance }: PeerFacts): Finding[] {
  if (notReadyForMs < notReadyMs || role === "MASTER") return [];
  const why = maintenance ? ["maintenance-on"] : reasons;
  return [
    {
      code: "peer-not-ready",
      about: name,
      sentence: `Peer ${name} says that it is not fit to take over${why.length === 0 ? "" : `: ${why.join(", ")}`}.`,
      todo: maintenance
        ? `On ${name}, when the work there is done: \`proxysql-carp maintenance off\`.`
        : `On ${name}: \`proxysql-carp reasons\` says what to do.`,
    },
  ];
}

/** A clock that has been off for too long. */
export function skewed({
  name,
  skewMs,
  skewedForMs,
}: Pick<PeerFacts, "name" | "skewMs" | "skewedForMs">): Finding[] {
  if (skewedForMs < skewedMs || skewMs === null) return [];
  const way = skewMs > 0 ? "ahead of" : "behind";
  return [
    {
      code: "clock-skew",
      about: name,
      sentence: `The clock of ${name} is ${formatDuration(Math.abs(skewMs))} ${way} this node's: the times in both logs and of snapshots cannot be compared.`,
      todo: "Run `date` and `service ntpd status` on both nodes, and `service ntpd restart` on the one that is wrong.",
    },
  ];
}

/** Releases that have differed for too long. */
export function mismatch(
  {
    name,
    agentVersions,
    proxysqlVersions,
    mismatchForMs,
  }: Pick<PeerFacts, "name" | "agentVersions" | "proxysqlVersions" | "mismatchForMs">,
  node: string,
): Finding[] {
  if (mismatchForMs < mismatchMs) return [];
  const differing = [
    ...(agentVersions === null
      ? []
      : [`proxysql-carp ${agentVersions.ours} here, ${agentVersions.theirs} there`]),
    ...(proxysqlVersions === null
      ? []
      : [`ProxySQL ${proxysqlVersions.ours} here, ${proxysqlVersions.theirs} there`]),
  ];
  if (differing.length === 0) return [];
  return [
    {
      code: "version-mismatch",
      about: name,
      sentence: `Node ${node} and peer ${name} run different versions: ${differing.join("; ")}.`,
      todo: "Upgrade the older one by `pkg upgrade` while it is passive, then restart its services.",
    },
  ];
}
