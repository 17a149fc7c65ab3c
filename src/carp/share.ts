import { z } from "zod";

/**
 * How much this node adds to the demotion when it must not be chosen. 240 is as much as CARP counts; one more tells
 * our share from the kernel's own, which come in steps of 240 (interface down, send errors).
 */
export const shareSize = 241;
const kernelStep = 240;

const cause = z.enum(["unready", "given-away", "maintenance", "switchover", "no-lock"]);

/** What is kept of our share across restarts. Written before each change of the sysctl, and again after it. */
export const shareRecordSchema = z.object({
  share: z.number().int().nonnegative(),
  why: cause.nullable(),
  /** ms since 1970. */
  since: z.number().nullable(),
  /** Of which boot of this host the sysctl is meant. */
  boot: z.string(),
  /** A change that was begun: to what, and the total that was read before. */
  pending: z.object({ to: z.number().int().nonnegative(), before: z.number().int() }).nullable(),
});
export type ShareRecord = z.infer<typeof shareRecordSchema>;

/**
 * How much of the total is ours, after whatever ended the last process. The sysctl is a sum of everybody's shares and is
 * gone after a reboot, so it is inferred: exactly where nothing else changed meanwhile, else from the remainder that
 * only our share leaves, else from what was to be. Never take back what is not there, never add what is.
 */
export function presentShare(record: ShareRecord, total: number, boot: string): number {
  const { share, pending } = record;
  const meant = pending?.to ?? share;
  if (share === 0 && meant === 0) return 0;
  const told = toldByRemainder(total);
  if (record.boot !== boot) return told === shareSize ? shareSize : 0;
  // An operator has taken it away by hand: less is there than ours, and nothing of it is ours.
  if (pending === null) return total < share && told === 0 ? 0 : share;
  if (total === pending.before) return share;
  if (total === pending.before + pending.to - share) return pending.to;
  return told ?? pending.to;
}

function toldByRemainder(total: number): number | undefined {
  const remainder = ((total % kernelStep) + kernelStep) % kernelStep;
  if (remainder === shareSize - kernelStep) return shareSize;
  return remainder === 0 ? 0 : undefined;
}
