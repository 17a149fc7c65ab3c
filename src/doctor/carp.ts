import { type CarpView, observeCarp } from "../carp/observe.js";
import { type CarpSysctls, readCarpSysctls } from "../carp/sysctl.js";
import { type CarpSettings, carpFights } from "../health/carp-fights.js";
import type { PeerFacts, VhidFacts } from "../health/facts.js";
import { failing, notChecked, ok, type Verdict, warning } from "./verdict.js";

export { observeCarp, readCarpSysctls };

/** Every configured vhid is there and takes part. `allow`: `net.inet.carp.allow`, null if it cannot be read. */
export function judgeVhids({ vhids }: CarpView, allow: boolean | null): Verdict {
  const missing = vhids.filter(({ role }) => role === "unknown").map(({ vhid }) => vhid);
  if (missing.length > 0) {
    return failing(
      `ifconfig does not tell of ${missing.join(", ")}.`,
      "Compare the carp lines of `ifconfig` with [carp] vhids, and add the address: `ifconfig IF vhid N pass SECRET alias ADDRESS/32`, and the same in rc.conf.",
    );
  }
  const initial = vhids.filter(({ role }) => role === "INIT").map(({ vhid }) => vhid);
  if (initial.length > 0) {
    // One cause is told once, by the line about that setting.
    if (allow === false) return notChecked(`${initial.join(", ")} is INIT while net.inet.carp.allow is 0`);
    return failing(
      `${initial.join(", ")} is INIT: it takes part in no election.`,
      'Bring its link up: `ifconfig` must say "status: active".',
    );
  }
  return ok(vhids.map(({ vhid, role }) => `${vhid} ${role}`).join(", "));
}

/** A vhid as the finders of health want it. */
export function vhidFacts({ vhids }: CarpView): VhidFacts[] {
  return vhids.map(({ vhid, role, protocol = "carp", advskew = null, advbase = null }) => ({
    vhid,
    role,
    protocol,
    advskew,
    advbase,
  }));
}

/** What of this node's own settings keeps the address from moving. */
export function judgeSettings(node: string, view: CarpView, { preempt }: CarpSysctls): Verdict {
  const vhids = vhidFacts(view);
  const [finding] = carpFights({ node, vhids, preempt, peers: [] });
  if (finding !== undefined) return warning(finding.sentence, finding.todo);
  const shown = vhids.map(({ vhid, advbase, advskew }) => `${vhid} ${advbase}/${advskew}`).join(", ");
  return ok(`advbase/advskew: ${shown}; preempt 1`);
}

export function judgeAllowed({ allow, demotion }: CarpSysctls): Verdict {
  if (!allow) {
    return failing(
      "net.inet.carp.allow is 0: every vhid of this host is INIT.",
      "`sysctl net.inet.carp.allow=1`, and see who sets it to 0 (/etc/sysctl.conf, a boot script).",
    );
  }
  if (demotion !== 0) {
    return warning(
      `net.inet.carp.demotion is ${demotion}: ${demotion > 0 ? "the other node" : "this node"} is preferred.`,
      "`proxysql-carp reasons` says whose it is and how it goes away. Never write 0: a write adds.",
    );
  }
  return ok("net.inet.carp.allow 1, demotion 0");
}

/** A peer's settings as its agent tells them; null before it has. */
export type PeerSettings = Pick<PeerFacts, "name" | "vhids" | "preempt">;

/** What of both nodes' settings together makes an address move to and fro, or only one way. */
export function judgeBoth(own: CarpSettings, peer: PeerSettings): Verdict {
  const alone = carpFights({ ...own, peers: [] });
  const together = carpFights({ ...own, peers: [peer] });
  const told = (about: string | null): boolean => alone.some((finding) => finding.about === about);
  const finding = together.find(
    ({ about }) => !told(about) || (about === "preempt" && peer.preempt === false),
  );
  if (finding !== undefined) return warning(finding.sentence, finding.todo);
  const shown = (peer.vhids ?? []).map(({ vhid, advbase, advskew }) => `${vhid} ${advbase}/${advskew}`);
  return ok(`there: ${shown.join(", ")}; preempt ${peer.preempt === null ? "not told" : "1"}`);
}
