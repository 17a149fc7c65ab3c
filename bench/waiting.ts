import { setTimeout as sleep } from "node:timers/promises";

/**
 * Asks every 2 ms until the answer is other than undefined or false, and returns the milliseconds since `began` (a
 * `performance.now()`). An error of asking counts as not yet. Throws after `ms`.
 */
export async function timeUntil(
  what: string,
  began: number,
  ask: () => Promise<unknown>,
  ms = 30_000,
): Promise<number> {
  let last: unknown;
  while (performance.now() - began < ms) {
    try {
      const value = await ask();
      if (value !== undefined && value !== false) return performance.now() - began;
    } catch (error) {
      last = error;
    }
    await sleep(2);
  }
  throw new Error(`${what}: not within ${ms} ms${last === undefined ? "" : `; last: ${String(last)}`}`);
}
