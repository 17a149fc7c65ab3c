import { type ErrorCode, KnownError } from "../platform/errors.js";
import type { Verdict } from "./verdict.js";

/** A verdict as one line, for tests: `state: sentence | todo`, for one look at all of it. */
export function told({ state, sentence, todo }: Verdict): string {
  return `${state}: ${sentence}${todo === null ? "" : ` | ${todo}`}`;
}

/** An error of ours with a sentence that says nothing. */
export function known(code: ErrorCode, fields = {}): KnownError {
  return new KnownError(code, "It is so.", fields);
}
