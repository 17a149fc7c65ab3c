import { isKnown, sentenceOf } from "./errors.js";
import type { Logger } from "./log.js";

/** An error as log fields. One that we do not know is a bug, or a system in trouble, and keeps its stack. */
export function errorFields(error: unknown): Record<string, unknown> {
  if (isKnown(error)) return { error: error.message, code: error.code };
  return { error: sentenceOf(error), stack: error instanceof Error ? error.stack : undefined };
}

/**
 * Owns work that nobody waits for. Its failure is logged and ends nothing else: an agent that dies of a full disk
 * helps nobody, and every piece of background work is done again by the next tick.
 */
export function inBackground(log: Logger, what: string, work: Promise<unknown>): void {
  work.catch((error: unknown) => {
    log.error({ what, ...errorFields(error) }, "work in the background failed");
  });
}
