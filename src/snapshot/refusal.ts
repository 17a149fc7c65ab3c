import { type ErrorFields, isKnown, KnownError } from "../platform/errors.js";

/** Why a snapshot is not taken for good. Each is a cause of its own so that it can be counted and documented. */
export type RefusalCause =
  | "manifest-invalid"
  | "incomplete"
  | "size-differs"
  | "digest-differs"
  | "not-a-database"
  | "integrity"
  | "no-tables"
  | "definitions-differ"
  | "content-differs"
  | "suspiciously-empty"
  | "tls-differs"
  | "older"
  | "diverged";

/** A named cause and one sentence for people: what is wrong with what. */
export interface Refusal {
  readonly cause: RefusalCause;
  readonly sentence: string;
}

/** What a snapshot says of itself gets into sentences, and they go over the link and into journals. */
const sentenceLimit = 1_000;

export function refuse(cause: RefusalCause, sentence: string): Refusal {
  if (sentence.length <= sentenceLimit) return { cause, sentence };
  return { cause, sentence: `${sentence.slice(0, sentenceLimit)} ... (shortened)` };
}

/** A refusal as a `snapshot-refused` error, for those who wanted the snapshot rather than an answer. */
export function refusalError(refusal: Refusal, cause?: unknown, fields: ErrorFields = {}): KnownError {
  return new KnownError("snapshot-refused", refusal.sentence, { ...fields, refusal }, cause);
}

/** The refusal inside an error made by `refusalError`. */
export function refusalOf(error: unknown): Refusal | undefined {
  if (!isKnown(error, "snapshot-refused")) return undefined;
  const { refusal } = error.fields;
  return typeof refusal === "object" && refusal !== null ? (refusal as Refusal) : undefined;
}
