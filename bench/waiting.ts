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

/**
 * The same for an attempt that may hang: a new one begins every 5 ms, whatever became of those before, as many clients
 * would. (ProxySQL leaves one that came while its threads were starting without an answer for up to its poll timeout.)
 */
export async function timeUntilFirst(
  what: string,
  began: number,
  attempt: () => Promise<unknown>,
  ms = 30_000,
): Promise<number> {
  const outstanding = new Set<Promise<void>>();
  let done: number | undefined;
  let last: unknown;
  while (done === undefined && performance.now() - began < ms) {
    if (outstanding.size < 64) {
      const one: Promise<void> = attempt()
        .then(() => {
          done ??= performance.now() - began;
        })
        .catch((error: unknown) => {
          last = error;
        })
        .finally(() => outstanding.delete(one));
      outstanding.add(one);
    }
    await sleep(5);
  }
  await Promise.all(outstanding);
  if (done === undefined) throw new Error(`${what}: not within ${ms} ms; last: ${String(last)}`);
  return done;
}
