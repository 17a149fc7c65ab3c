import { type DevdConfig, readDevdConfig, verdictOf } from "../carp/devd-config.js";
import { devdFacts } from "../health/devd-facts.js";
import { findDevd } from "../health/host.js";
import { failing, notChecked, ok, type Verdict } from "./verdict.js";

export { readDevdConfig };

/** Every file of devd's parses, ours is there, and no other rule gets our events. null: this host has no devd. */
export function judgeRules(config: DevdConfig | null, vhids: readonly string[], isFreebsd: boolean): Verdict {
  if (config === null) {
    return isFreebsd
      ? failing(
          "devd has no configuration on this host.",
          "Restore /etc/devd.conf, then `service devd restart`.",
        )
      : notChecked("no devd here, not FreeBSD");
  }
  const [finding] = findDevd(devdFacts(config, vhids));
  if (finding !== undefined) return failing(finding.sentence, finding.todo);
  const { ours } = verdictOf(config, eventOf(vhids[0] ?? "", "MASTER"));
  const file = ours?.file.slice(ours.file.lastIndexOf("/") + 1);
  return ok(`${file}:${ours?.line} gets every event of ${vhids.join(", ")}`);
}

/** An event of CARP's as devd has it from the kernel. */
export function eventOf(vhid: string, type: "MASTER" | "BACKUP" | "INIT"): Record<string, string> {
  return { system: "CARP", subsystem: vhid, type };
}
