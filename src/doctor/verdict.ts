import { isKnown, sentenceOf } from "../platform/errors.js";

/** `not-checked`: there is nothing to look at here, or something before it in the chain is not well. */
export type State = "ok" | "warning" | "failing" | "not-checked";

/** What is thought of one link of the chain. */
export interface Verdict {
  readonly state: State;
  /** What was seen; with `not-checked`, why it was not looked at. */
  readonly sentence: string;
  /** What to do about it; null when nothing is to be done. */
  readonly todo: string | null;
  /** It fails because an agent or a peer does not answer. */
  readonly unreachable: boolean;
}

export function ok(sentence: string): Verdict {
  return { state: "ok", sentence, todo: null, unreachable: false };
}

export function warning(sentence: string, todo: string): Verdict {
  return { state: "warning", sentence, todo, unreachable: false };
}

export function failing(sentence: string, todo: string): Verdict {
  return { state: "failing", sentence, todo, unreachable: false };
}

export function notChecked(because: string): Verdict {
  return { state: "not-checked", sentence: because, todo: null, unreachable: false };
}

/** What a look ended with is the verdict. An error that we do not know is told as what it is: a mistake of ours. */
export function failedWith(error: unknown, todo?: string): Verdict {
  if (!isKnown(error)) {
    return failing(
      `This look failed itself: ${sentenceOf(error)}`,
      todo ?? "It is a bug in this program: please report it, with this line.",
    );
  }
  const { message, hint, exitCode } = error;
  const cure =
    todo ?? (hint === "" ? "Look at what the sentence names, as root; then run this again." : hint);
  return { state: "failing", sentence: message, todo: cure, unreachable: exitCode === 3 };
}

/** The first that is not well, the worst first; all well is `well`. */
export function worstOf(verdicts: readonly Verdict[], well: string): Verdict {
  const worst =
    verdicts.find(({ state }) => state === "failing") ?? verdicts.find(({ state }) => state === "warning");
  return worst ?? ok(well);
}
