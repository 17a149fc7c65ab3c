/** Milliseconds before the first attempt after a failure, and the most it grows to. */
const first = 250;
const most = 15_000;

/**
 * Milliseconds to wait before attempt number `failures + 1`: doubling from 250 ms up to 15 s, and of that between the
 * half and the whole, so that nodes that lost each other at once do not come back in step. `random` is in [0, 1).
 */
export function backOff(failures: number, random: number): number {
  const whole = Math.min(most, first * 2 ** Math.max(0, failures - 1));
  return Math.round(whole * (0.5 + random / 2));
}
