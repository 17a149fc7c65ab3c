import { setTimeout as sleep } from "node:timers/promises";

/**
 * Asks again and again until `probe` gives something other than undefined or false, and returns that. An error of
 * `probe` counts as "not yet". For conditions that nothing announces.
 *
 * @param what names the condition in the error
 * @param deadlineMs how long to wait at most, in milliseconds
 * @throws after the deadline, with the last answer or error
 */
export async function waitFor<T>(
  what: string,
  probe: () => T | Promise<T>,
  deadlineMs = 30_000,
  everyMs = 50,
): Promise<Exclude<T, undefined | false>> {
  const end = Date.now() + deadlineMs;
  let last: unknown;
  for (;;) {
    try {
      last = await probe();
      if (last !== undefined && last !== false) {
        return last as Exclude<T, undefined | false>;
      }
    } catch (error) {
      last = error;
    }
    if (Date.now() >= end) {
      throw new Error(`not within ${deadlineMs} ms: ${what} (last: ${String(last)})`, { cause: last });
    }
    await sleep(everyMs);
  }
}
