import { chooseTaker, type GivingNode, type PairNow, type TakingNode } from "./pair.js";

/** Why a switchover is not begun. */
export interface Refusal {
  readonly code: string;
  readonly sentence: string;
  readonly todo: string;
  /** `--force` goes on in spite of it. */
  readonly canForce: boolean;
}

/** Not critical for a failover, and yet lost by a switchover. */
const alsoRefusing: ReadonlySet<string> = new Set(["drift"]);
/** What it says of the peer is said better by the peer's own state. */
const ofThePeer: ReadonlySet<string> = new Set(["peer-not-ready"]);

/**
 * Everything that speaks against moving the role now; none if it may be moved. Pure. The rules are those of a planned
 * switchover (this node MASTER, the peer a BACKUP that is ready and not demoted, CARP and not VRRP), which differs from
 * a failover in that nothing forces it.
 */
export function refusalsOf(now: PairNow): Refusal[] {
  const taker = chooseTaker(now);
  return [...refusalsHere(now.node), ...(taker ? refusalsThere(taker) : [noTaker(now)])];
}

function refusalsHere(node: GivingNode): Refusal[] {
  const refusals: Refusal[] = [];
  const { name, role, vhids, maintenance, busy, settled, reasons } = node;
  if (busy !== null) refusals.push(hard("running", busy, "Wait until it is over: `proxysql-carp status`."));
  if (role !== "MASTER")
    refusals.push(
      hard(
        "not-master",
        `Node ${name} is ${role}, and no peer that says it is MASTER can be asked to give it the role.`,
        "Look at `proxysql-carp status` on both nodes.",
      ),
    );
  else if (!settled)
    refusals.push(
      hard(
        "not-settled",
        `Node ${name} is MASTER and not yet through with its promotion.`,
        "Try it again in a moment.",
      ),
    );
  if (maintenance)
    refusals.push(
      hard(
        "maintenance",
        `Node ${name} is in maintenance.`,
        "End it first: `proxysql-carp maintenance off`.",
      ),
    );
  const vrrp = vhids.filter(({ protocol }) => protocol === "vrrp").map(({ vhid }) => vhid);
  if (vrrp.length > 0)
    refusals.push(
      hard(
        "vrrp",
        `${vrrp.join(", ")} speaks VRRP, which does not know CARP's demotion.`,
        "Change its priority by hand: `ifconfig IF vhid N vrrpprio P`.",
      ),
    );
  const minded = reasons.filter(
    ({ code, severity }) => (severity === "critical" || alsoRefusing.has(code)) && !ofThePeer.has(code),
  );
  return [
    ...refusals,
    ...minded.map(({ code, sentence, todo }) => ({ code, sentence, todo, canForce: true })),
  ];
}

function refusalsThere(taker: TakingNode): Refusal[] {
  const { name, error, agent, role, ready, reasons, maintenance, demotion } = taker;
  if (error !== null)
    return [
      hard(
        "peer-unreachable",
        `Peer ${name} cannot be asked: ${error}`,
        "See to the link first: `proxysql-carp reasons`.",
      ),
    ];
  if (!agent)
    return [
      hard(
        "peer-agent-down",
        `The agent of peer ${name} does not run.`,
        `Start it there: \`service proxysql_carp start\`.`,
      ),
    ];
  const refusals: Refusal[] = [];
  if (role !== "BACKUP")
    refusals.push(
      hard(
        "peer-not-backup",
        `Peer ${name} is ${role}, and only a BACKUP can take over.`,
        "Look at its `ifconfig`: is the link up, is net.inet.carp.allow 1?",
      ),
    );
  if (maintenance)
    refusals.push(
      hard(
        "peer-maintenance",
        `Peer ${name} is in maintenance.`,
        "End it there: `proxysql-carp maintenance off`.",
      ),
    );
  if (ready !== true) {
    const why = reasons.map(({ code }) => code).join(", ");
    refusals.push(
      soft(
        "peer-not-ready",
        `Peer ${name} ${ready === false ? "is not ready" : "does not say whether it is ready"}${why === "" ? "" : `: ${why}`}.`,
        "`proxysql-carp reasons` there says what to do.",
      ),
    );
  } else {
    const critical = reasons.filter(({ severity }) => severity === "critical").map(({ code }) => code);
    if (critical.length > 0)
      refusals.push(
        soft(
          "peer-reasons",
          `Peer ${name} has something critical: ${critical.join(", ")}.`,
          "`proxysql-carp reasons` there says what to do.",
        ),
      );
  }
  const foreign = demotion === null || demotion.total === null ? 0 : demotion.total - demotion.share;
  if (foreign > 0)
    refusals.push(
      soft(
        "peer-demoted",
        `Peer ${name} is demoted by ${foreign} that is not its agent's: it would hardly win the address.`,
        "`proxysql-carp reasons` there says where that may come from.",
      ),
    );
  return refusals;
}

function noTaker({ peers, to }: PairNow): Refusal {
  const sentence =
    to === null || peers.length === 0
      ? "There is no peer that could take the role."
      : `There is no peer ${to}; there is ${peers.map(({ name }) => name).join(", ")}.`;
  return hard("no-peer", sentence, "Peers are the [[peer]] tables of the configuration.");
}

function hard(code: string, sentence: string, todo: string): Refusal {
  return { code, sentence, todo, canForce: false };
}

function soft(code: string, sentence: string, todo: string): Refusal {
  return { code, sentence, todo, canForce: true };
}
