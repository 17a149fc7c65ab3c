import { isKnown, KnownError, sentenceOf, systemCode } from "../platform/errors.js";
import { type RefusalCause, refusalOf } from "../snapshot/refusal.js";

/** Why the serving side says no: a snapshot's fault, or one of these. */
export type AnswerCause =
  | RefusalCause
  | "disk-full"
  | "missing"
  | "not-asked-so"
  | "protocol"
  | "same-node"
  | "both-master"
  | "busy"
  | "failed";

/** A refusal that becomes an answer: thrown where it is found, turned into a header at one place. */
export class Refused extends KnownError {
  readonly reason: AnswerCause;
  /** Further fields of the answer. */
  readonly answerFields: Readonly<Record<string, unknown>>;

  constructor(reason: AnswerCause, sentence: string, answerFields: Readonly<Record<string, unknown>> = {}) {
    super("peer-refused", sentence, { cause: reason });
    this.reason = reason;
    this.answerFields = answerFields;
  }
}

/** The cause and sentence with which any error on the serving side is answered. */
export function answerOf(error: unknown): { cause: AnswerCause; sentence: string } {
  if (error instanceof Refused) return { cause: error.reason, sentence: error.message };
  const refusal = refusalOf(error);
  if (refusal !== undefined) return { cause: refusal.cause, sentence: refusal.sentence };
  if (isKnown(error, "snapshot-missing")) return { cause: "missing", sentence: error.message };
  return { cause: isDiskFull(error) ? "disk-full" : "failed", sentence: sentenceOf(error) };
}

/** No space left, a quota or a file size limit: the copy may be good, but there is no room for it. */
function isDiskFull(error: unknown): boolean {
  const code = systemCode(error) ?? (error instanceof Error ? systemCode(error.cause) : undefined);
  return code === "ENOSPC" || code === "EDQUOT" || code === "EFBIG";
}
