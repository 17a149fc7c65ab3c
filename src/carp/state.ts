import { KnownError } from "../platform/errors.js";
import { runProgram } from "../platform/exec.js";

const deadlineMs = 2_000;

/**
 * Asks CARP for a role of one vhid: `ifconfig em0 vhid 9 state backup`. CARP may ignore it (in INIT, or if it is that
 * already), and sends no farewell: the peer waits its whole timer. Only for when demotion alone does not move the role.
 */
export async function askForRole(vhid: string, role: "backup" | "master"): Promise<void> {
  const [number = "", device = ""] = vhid.split("@");
  const args = [device, "vhid", number, "state", role];
  const { code, stderr } = await runProgram("ifconfig", args, deadlineMs);
  if (code === 0) return;
  throw new KnownError(
    "command-failed",
    `ifconfig ${args.join(" ")} ended with ${code ?? "a signal"}: ${stderr.trim()}`,
  );
}
