import { KnownError } from "../platform/errors.js";
import { runProgram } from "../platform/exec.js";

/** sysctl answers at once; a kernel that does not within this time is in trouble of its own. */
const deadlineMs = 2_000;
const demotionName = "net.inet.carp.demotion";
const names = [demotionName, "net.inet.carp.preempt", "net.inet.carp.allow"] as const;

/** CARP's node-wide settings. See carp(4). */
export interface CarpSysctls {
  /** Added to the skew of every vhid; everybody's shares together. */
  readonly demotion: number;
  /** A backup with the better skew takes over from a living master. */
  readonly preempt: boolean;
  /** Off: every vhid is INIT. */
  readonly allow: boolean;
}

/** Reads them (`carp-unreadable` if sysctl does not tell). */
export async function readCarpSysctls(): Promise<CarpSysctls> {
  const { code, stdout, stderr } = await runProgram("sysctl", ["-n", ...names], deadlineMs);
  const values = stdout.trim().split("\n").map(Number);
  const [demotion, preempt, allow] = values;
  if (
    code !== 0 ||
    demotion === undefined ||
    preempt === undefined ||
    allow === undefined ||
    values.some(Number.isNaN)
  ) {
    throw new KnownError(
      "carp-unreadable",
      `sysctl does not tell of net.inet.carp: ${stderr.trim() || stdout.trim()}`,
    );
  }
  return { demotion, preempt: preempt !== 0, allow: allow !== 0 };
}

/** Adds to `net.inet.carp.demotion`: a write adds, it does not set (ip_carp.c, carp_demote_adj_sysctl). */
export async function addDemotion(delta: number): Promise<void> {
  const { code, stdout, stderr } = await runProgram("sysctl", [`${demotionName}=${delta}`], deadlineMs);
  if (code === 0) return;
  throw new KnownError(
    "command-failed",
    `sysctl ${demotionName}=${delta} ended with ${code ?? "a signal"}: ${(stderr || stdout).trim()}`,
  );
}
