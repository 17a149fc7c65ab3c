import type { PeerFacts, VhidFacts } from "./facts.js";
import type { Finding } from "./reason.js";

/** CARP's settings on this node and, as far as they are known, on its peers. */
export interface CarpSettings {
  readonly node: string;
  readonly vhids: readonly VhidFacts[];
  readonly preempt: boolean | null;
  readonly peers: readonly Pick<PeerFacts, "name" | "vhids" | "preempt">[];
}

/** CARP counts no more than this of advskew and demotion together (ip_carp.c, CARP_DEMOTION and DEMOTE_ADVSKEW). */
const skewLimit = 240;

/**
 * Settings with which the pair cannot move an address by demotion, or will move it to and fro. From FreeBSD's ip_carp.c:
 * a MASTER steps down when it hears an advertisement as frequent as its own; a BACKUP takes over from a living MASTER
 * only if it preempts itself; demotion counts in neither VRRP nor beyond 240.
 */
export function carpFights(settings: CarpSettings): Finding[] {
  return [...settings.vhids.flatMap((vhid) => vhidFights(vhid, settings)), ...preemptFights(settings)];
}

function vhidFights(vhid: VhidFacts, { node, peers }: CarpSettings): Finding[] {
  const finding = (sentence: string, todo: string): Finding => ({
    code: "carp-will-fight",
    about: vhid.vhid,
    sentence,
    todo,
  });
  if (vhid.protocol === "vrrp") {
    return [
      finding(
        `${vhid.vhid} runs VRRP on ${node}, which knows no demotion: a node whose ProxySQL is dead cannot give the address away.`,
        "Use CARP itself (`carpver 2`) for this vhid on all nodes.",
      ),
    ];
  }
  const { advskew } = vhid;
  if (advskew === null) return [];
  const [device, number] = [vhid.vhid.split("@")[1], vhid.vhid.split("@")[0]];
  const set = (skew: number): string => `\`ifconfig ${device} vhid ${number} advskew ${skew}\``;
  if (advskew > skewLimit) {
    return [
      finding(
        `${vhid.vhid} has advskew ${advskew} on ${node}; CARP counts at most ${skewLimit} with demotion, so demoting this node changes nothing.`,
        `Choose one of at most 200, other than the other nodes': ${set(100)} and the same in rc.conf.`,
      ),
    ];
  }
  const same = peers.filter((peer) => advertisesAsOften(vhid, peer)).map(({ name }) => name);
  if (same.length === 0) return [];
  return [
    finding(
      `${vhid.vhid} has advbase ${vhid.advbase} and advskew ${advskew} on ${[node, ...same].join(" and on ")}: after a partition both step down before each other.`,
      `Give each node an advskew of its own: on one of them ${set(advskew >= 100 ? 0 : 100)} and the same in rc.conf.`,
    ),
  ];
}

function advertisesAsOften(
  { vhid, advskew, advbase }: VhidFacts,
  peer: CarpSettings["peers"][number],
): boolean {
  const theirs = peer.vhids?.find((other) => other.vhid.split("@")[0] === vhid.split("@")[0]);
  if (theirs === undefined || theirs.advskew === null) return false;
  return theirs.advskew === advskew && theirs.advbase === advbase;
}

function preemptFights({ node, preempt: ours, peers }: CarpSettings): Finding[] {
  const told = [
    { name: node, preempt: ours },
    ...peers.map(({ name, preempt }) => ({ name, preempt })),
  ].filter(({ preempt }) => preempt !== null);
  const off = told.filter(({ preempt }) => preempt === false).map(({ name }) => name);
  if (off.length === 0) return [];
  const some = off.length < told.length;
  return [
    {
      code: "carp-will-fight",
      about: "preempt",
      sentence: `net.inet.carp.preempt is 0 on ${off.join(" and ")}${some ? ", and 1 elsewhere: the address moves one way only" : ""}: such a node does not take over from one that demotes itself while it still speaks.`,
      todo: `On ${off.join(" and ")}: \`sysctl net.inet.carp.preempt=1\`, and the same line in /etc/sysctl.conf.`,
    },
  ];
}
