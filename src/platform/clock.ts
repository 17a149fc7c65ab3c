import { KnownError } from "./errors.js";

/** Wall-clock time in milliseconds since 1970, for people and manifests. It may jump. */
export function wallClock(): number {
  return Date.now();
}

/** Milliseconds on a clock that never jumps, for durations and deadlines. */
export function monotonic(): number {
  return performance.now();
}

/** Waits `ms` milliseconds, or until `signal` fires; never rejects. */
export function sleep(ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal?.aborted) return resolve();
    const done = (): void => {
      clearTimeout(timer);
      signal?.removeEventListener("abort", done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    signal?.addEventListener("abort", done, { once: true });
  });
}

/**
 * The promise's result, or a `deadline` error after `ms` milliseconds. The work itself is not ended:
 * give `onLate` to end it (close the socket, kill the child).
 */
export async function withDeadline<T>(
  work: Promise<T>,
  ms: number,
  what: string,
  onLate?: () => void,
): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      reject(new KnownError("deadline", `${what}: no answer within ${ms} ms.`, { ms }));
      onLate?.();
    }, ms);
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}

/** Asks `condition` every `everyMs` until it gives a value other than undefined; undefined when `ms` have passed. */
export async function poll<T>(
  condition: () => Promise<T | undefined>,
  ms: number,
  everyMs: number,
  signal?: AbortSignal,
): Promise<T | undefined> {
  const end = monotonic() + ms;
  for (;;) {
    const value = await condition();
    if (value !== undefined || signal?.aborted) return value;
    if (monotonic() + everyMs > end) return undefined;
    await sleep(everyMs, signal);
  }
}
