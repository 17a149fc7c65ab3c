/** A snapshot, its copy in staging and a journal's growth need some megabytes; below that writes begin to fail. */
const leastFree = 64 * 1024 * 1024;
const leastShare = 0.02;

/** How much of what should be free on a disk there would have to be, to what there is; from 1 on it is nearly full. Bytes. */
export function diskNeed(free: number, total: number): number {
  return Math.max(leastFree, leastShare * total) / Math.max(1, free);
}
