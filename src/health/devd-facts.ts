import { type DevdConfig, verdictOf } from "../carp/devd-config.js";
import type { NotifyRule } from "../carp/devd-rules.js";
import type { DevdFacts, ShadowedEvent } from "./facts.js";

/** What devd, so configured, would do with every event of these vhids; null on a host that has no devd. */
export function devdFacts(config: DevdConfig | null, vhids: readonly string[]): DevdFacts | null {
  if (config === null) return null;
  const missing: string[] = [];
  const shadowed: ShadowedEvent[] = [];
  for (const subsystem of vhids) {
    for (const type of ["MASTER", "BACKUP", "INIT"]) {
      const event = `${subsystem} ${type}`;
      const { ours, by, tie } = verdictOf(config, { system: "CARP", subsystem, type });
      if (ours === null) missing.push(event);
      else if (by !== null) {
        shadowed.push({ event, ours: placeOf(ours), by: placeOf(by), priority: by.priority, tie });
      }
    }
  }
  return { broken: config.broken, missing: config.broken === null ? missing : [], shadowed };
}

function placeOf({ file, line }: NotifyRule): string {
  return `${file}:${line}`;
}
