import { formatDuration } from "../platform/duration.js";
import { carpFights } from "./carp-fights.js";
import type { Facts } from "./facts.js";
import type { Finding } from "./reason.js";

/** ifconfig may miss its deadline once on a busy host. */
const unknownMs = 3_000;
/** A planned switchover has two masters, by what the nodes last said of themselves, for some milliseconds. */
const bothMasterMs = 1_000;
/** A planned move hands it over within a second. */
const lockNotHeldMs = 2_000;
/** A cluster that elects a new leader answers again within some seconds. */
const lockUnreachableMs = 5_000;
/** CARP moves an address within four seconds of its master's silence. */
const noMasterMs = 10_000;
/** The vhids of an interface move one after the other. */
const splitMs = 10_000;
/** The kernel takes back what it added for a link that was down, once the link is up. */
const foreignMs = 60_000;
/** A node that starts is unfit for a moment, and so may carry its share for one. */
const ownMs = 10_000;

/** Reasons about who is MASTER and whether CARP can move that. */
export function findRole(facts: Facts): Finding[] {
  return [
    ...roleUnknown(facts),
    ...bothMaster(facts),
    ...stonithFailed(facts),
    ...lockNotHeld(facts),
    ...lockUnreachable(facts),
    ...noMaster(facts),
    ...split(facts),
    ...carpFights({
      node: facts.node,
      vhids: facts.carp.vhids,
      preempt: facts.carp.care.preempt,
      peers: facts.peers,
    }),
    ...foreignDemotion(facts),
    ...ownDemotion(facts),
    ...movesExhausted(facts),
    ...maintenanceOn(facts),
  ];
}

function roleUnknown({ node, carp }: Facts): Finding[] {
  if (carp.unknownForMs < unknownMs) return [];
  const vhids = carp.vhids.map(({ vhid }) => vhid).join(", ");
  return [
    {
      code: "role-unknown",
      about: null,
      sentence: `Node ${node} does not know its CARP role, and so does nothing: ${carp.problem ?? "ifconfig was not understood"}`,
      todo: `Run \`ifconfig\` and compare its carp lines with [carp] vhids (${vhids}).`,
    },
  ];
}

function bothMaster({ node, peers }: Facts): Finding[] {
  return peers
    .filter(({ bothMasterForMs }) => bothMasterForMs >= bothMasterMs)
    .map(({ name, bothMasterForMs }) => ({
      code: "both-master",
      about: name,
      sentence: `Both ${node} and ${name} have been MASTER for ${formatDuration(bothMasterForMs)}: they do not hear each other's CARP, and clients reach either of them. No snapshots are exchanged.`,
      todo: "Look why CARP's packets (IP protocol 112, to 224.0.0.18) do not pass: `tcpdump -ni IF proto 112` on both; firewall, switch, the hypervisor's filters, differing `pass` or addresses of the vhid. Until then do not change the configuration.",
    }));
}

function stonithFailed({ node, carp }: Facts): Finding[] {
  return carp.misses.map(({ peer, why, held }) => ({
    code: "stonith-failed",
    about: peer,
    sentence: `The command of [stonith] could not switch off the host of ${peer}, which may still hold the address; ${node} ${held ? "is not promoted until it does" : "was promoted all the same"}: ${why}.`,
    todo: `Switch ${peer} off by hand, or see that it does not have the shared address. ${held ? "Then `proxysql-carp maintenance on --force-promotion` promotes this node at once." : "Run the command by hand: does it work at all?"}`,
  }));
}

function lockNotHeld({ node, carp }: Facts): Finding[] {
  const { lock } = carp;
  if (lock === null || lock.notHeldForMs < lockNotHeldMs) return [];
  const who = lock.holder === null ? "nobody is known to have it" : `${lock.holder} has it`;
  return [
    {
      code: "lock-not-held",
      about: null,
      sentence: `Node ${node} is MASTER and does not serve, for it has not held the lock for ${formatDuration(lock.notHeldForMs)}: ${lock.problem ?? `${who}.`}`,
      todo: "It is tried again and again, and the address is given to a peer that can have it. Look at [lock] endpoints from here and at who holds [lock] key; if the lock is to be done without, take the table out and reload the agent.",
    },
  ];
}

function lockUnreachable({ node, carp }: Facts): Finding[] {
  const { lock } = carp;
  if (lock === null || lock.problem === null || lock.unreachableForMs < lockUnreachableMs) return [];
  return [
    {
      code: "lock-unreachable",
      about: null,
      sentence: `Node ${node} could not be promoted, for it cannot ask for the lock: ${lock.problem}`,
      todo: "Ask [lock] endpoints by hand from this node: is the cluster in quorum, do user, secret_file and ca_file fit?",
    },
  ];
}

function noMaster({ node, carp, peers }: Facts): Finding[] {
  if (carp.noMasterForMs < noMasterMs) return [];
  const others = peers.filter(({ live }) => live).map(({ name, role }) => `${name} is ${role}`);
  return [
    {
      code: "no-master",
      about: null,
      sentence: `No node has been MASTER for ${formatDuration(carp.noMasterForMs)}, clients reach nobody: ${[`${node} is ${carp.role}`, ...others].join(", ")}.`,
      todo: 'Run `ifconfig` and `sysctl net.inet.carp` on both nodes: is the link up ("status: active"), is net.inet.carp.allow 1?',
    },
  ];
}

function split({ node, carp }: Facts): Finding[] {
  if (carp.splitForMs < splitMs) return [];
  const roles = carp.vhids.map(({ vhid, role }) => `${vhid} ${role}`).join(", ");
  return [
    {
      code: "vhids-split",
      about: null,
      sentence: `The vhids are split between the nodes; on ${node}: ${roles}. The first one decides whose configuration counts, clients of the others are served by the other node.`,
      todo: "Look at the link of the interface that is not MASTER, and set `sysctl net.inet.carp.preempt=1` on both nodes: vhids then move together.",
    },
  ];
}

function foreignDemotion({ carp }: Facts): Finding[] {
  const { foreignDemotion: foreign, foreignForMs, vhids, care } = carp;
  if (foreign === null || foreign === 0 || foreignForMs < foreignMs) return [];
  const initial = vhids.filter(({ role }) => role === "INIT").map(({ vhid }) => vhid);
  const sentence = `net.inet.carp.demotion is ${care.total}, of which ${foreign} is not this agent's, for ${formatDuration(foreignForMs)}: ${
    foreign > 0 ? "the other node is preferred" : "this node is preferred, and two masters may come of it"
  }.`;
  if (foreign > 0 && initial.length > 0) {
    return [
      {
        code: "foreign-demotion",
        about: null,
        sentence: `${sentence} The kernel adds 240 for each vhid that is INIT: ${initial.join(", ")}.`,
        todo: 'Bring that link up (`ifconfig` must say "status: active"): the kernel then takes its share back itself.',
      },
    ];
  }
  return [
    {
      code: "foreign-demotion",
      about: null,
      sentence,
      todo: `If no other program means it (after send errors the kernel's share sticks on a BACKUP): \`sysctl net.inet.carp.demotion=${-foreign}\`, which adds that; never write 0.`,
    },
  ];
}

/** Why a node carries a share of its own, as the end of a sentence that begins with its name. */
const ownShare = {
  unready: "is not fit to be MASTER, and takes the address only if the other node is really gone",
  "given-away": "gave the address away because its ProxySQL stayed dead",
  "no-lock": "gave the address away because it had not got the lock",
  maintenance: "has not yet taken back what it added for a maintenance that is over",
} as const;

function ownDemotion({ node, carp }: Facts): Finding[] {
  const { share, shareWhy } = carp.care;
  const isMeant = shareWhy === "maintenance" && carp.maintenance !== null;
  // A switchover leaves it behind on purpose: without it this node would take the address back.
  if (share === 0 || shareWhy === null || shareWhy === "switchover" || isMeant) return [];
  if (shareWhy !== "given-away" && carp.ownForMs < ownMs) return [];
  return [
    {
      code: "own-demotion",
      about: null,
      sentence: `Node ${node} ${ownShare[shareWhy]}: ${share} of net.inet.carp.demotion is its own.`,
      todo: "See to the other reasons of this node (`proxysql-carp reasons`); the agent then takes its share back itself, no sooner than [carp] hold and moves_per_hour allow.",
    },
  ];
}

function movesExhausted({ node, carp }: Facts): Finding[] {
  const { exhausted, moves } = carp.care;
  if (!exhausted) return [];
  return [
    {
      code: "moves-exhausted",
      about: null,
      sentence: `ProxySQL on ${node} is not well, and the address stays here all the same: it was moved ${moves} times in the last hour, or too short ago.`,
      todo: "Find out why ProxySQL does not stay up (its log), or move the address by hand: `proxysql-carp maintenance on`, then `ifconfig IF vhid N state backup`.",
    },
  ];
}

function maintenanceOn({ node, carp }: Facts): Finding[] {
  const { maintenance } = carp;
  if (maintenance === null) return [];
  const note = maintenance.note === null ? "" : ` (${maintenance.note})`;
  const force = maintenance.forcePromotion ? ", except to follow a gained MASTER role" : "";
  return [
    {
      code: "maintenance-on",
      about: null,
      sentence: `Maintenance is on at ${node} since ${maintenance.since}${note}: its agent looks and does not act${force}.`,
      todo: "When the work is done: `proxysql-carp maintenance off`.",
    },
  ];
}
