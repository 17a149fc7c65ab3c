import { KnownError } from "../platform/errors.js";
import { runProgram } from "../platform/exec.js";
import { holdsAnAddress, type NodeRole, nodeRole, type VhidState } from "../role/carp-role.js";
import { type CarpLine, parseIfconfig } from "./ifconfig.js";

/** ifconfig answers at once; a kernel that does not within this time is in trouble of its own. */
const ifconfigDeadlineMs = 2_000;

/** One configured vhid. What ifconfig does not tell of it is left out. */
export interface VhidView extends Partial<Pick<CarpLine, "protocol" | "advbase" | "advskew">> {
  readonly vhid: string;
  readonly role: VhidState["role"] | "unknown";
}

/** CARP as this node sees it now. */
export interface CarpView {
  readonly role: NodeRole;
  readonly holdsAddress: boolean;
  readonly vhids: readonly VhidView[];
}

/**
 * Reads the roles of the configured vhids from `ifconfig`, the only truth about them: devd's events may be late, lost
 * or out of order. A vhid that ifconfig does not tell of makes the role `unknown`.
 */
export async function observeCarp(vhids: readonly string[]): Promise<CarpView> {
  const { code, stdout, stderr } = await runProgram("ifconfig", [], ifconfigDeadlineMs);
  if (code !== 0) {
    throw new KnownError("carp-unreadable", `ifconfig ended with ${code ?? "a signal"}: ${stderr.trim()}`);
  }
  const lines = parseIfconfig(stdout);
  const states = vhids.map((vhid) => lines.find((line) => line.vhid === vhid));
  return {
    role: nodeRole(states),
    holdsAddress: holdsAnAddress(states),
    vhids: vhids.map((vhid, index) => ({ role: "unknown", ...states[index], vhid })),
  };
}
