import type { CarpRole, VhidState } from "../role/carp-role.js";

/** What ifconfig prints of one vhid. `advskew` is undefined for VRRP, which has priorities instead. */
export interface CarpLine extends VhidState {
  readonly protocol: "carp" | "vrrp";
  readonly advbase?: number;
  readonly advskew?: number;
}

/**
 * Reads the CARP lines of `ifconfig` (all interfaces). Formats seen, from FreeBSD's own print code:
 *   12, 13:  `carp: MASTER vhid 9 advbase 1 advskew 100`
 *   14:      the same, and a line with the peer's address below
 *   15:      `vrrp: MASTER vrid 9 prio 100 interval 100` for carpver 3
 * The ` vhid 9` at the end of an address line stands on both nodes whatever the role, so it says nothing.
 * A carp or vrrp line that does not fit is left out: the caller then finds its vhid missing, and the role unknown.
 */
export function parseIfconfig(output: string): CarpLine[] {
  const lines: CarpLine[] = [];
  let device = "";
  for (const line of output.split("\n")) {
    const header = /^([^\s:]+): flags=/.exec(line);
    if (header) device = header[1] as string;
    const parsed = parseCarp(device, line) ?? parseVrrp(device, line);
    if (parsed) lines.push(parsed);
  }
  return lines;
}

function parseCarp(device: string, line: string): CarpLine | undefined {
  const match =
    /^\s+carp: (MASTER|BACKUP|INIT) vhid (\d+) advbase (\d+) advskew (\d+)(?: key ".*")?\s*$/.exec(line);
  if (!match) return undefined;
  const [, role, id, advbase, advskew] = match;
  return {
    vhid: `${id}@${device}`,
    role: role as CarpRole,
    protocol: "carp",
    advbase: Number(advbase),
    advskew: Number(advskew),
  };
}

/** VRRP's own word for INIT is INITIALIZE in RFC 5798; ifconfig prints the same three words for both. */
function parseVrrp(device: string, line: string): CarpLine | undefined {
  const match = /^\s+vrrp: (MASTER|BACKUP|INIT) vrid (\d+) prio \d+ interval \d+\s*$/.exec(line);
  if (!match) return undefined;
  return { vhid: `${match[2]}@${device}`, role: match[1] as CarpRole, protocol: "vrrp" };
}
