/** What to do when no leader in quorum answers. */
export type OnIsolation = "fence" | "alert" | "demote";

/** How long this node has been without an answer that counts. */
export interface Silence {
  /** Monotonic time of the last answer that counted, or of the start; milliseconds. */
  readonly since: number;
  /** What the last look said, if it was none. */
  readonly why: string | null;
}

/** True when it has lasted for so long that a change of leader does not explain it any more. */
export function isIsolated({ since, why }: Silence, now: number, graceMs: number): boolean {
  return why !== null && now - since >= graceMs;
}

/** What the others see of it, as far as they can be asked; null: they cannot. */
export interface Surroundings {
  /** A peer that answers sees a leader in quorum (true), or sees none either (false). */
  readonly peerSeesQuorum: boolean | null;
  /** A peer's link is up. */
  readonly peerAnswers: boolean;
  /** How many of the configured witnesses accept a connection; null without any. */
  readonly witnesses: { readonly answer: number; readonly of: number } | null;
}

/** `cut-off`: the others are there, and we are not. `orchestrator-down`: we are there, and Orchestrator is not. */
export type IsolationKind = "cut-off" | "orchestrator-down" | "unclear";

/**
 * Tells "Orchestrator is down" from "we are cut off". A peer that sees a quorum settles it. Without that: whoever reaches
 * somebody else is not cut off from everything; whoever reaches nobody is.
 */
export function kindOfIsolation({ peerSeesQuorum, peerAnswers, witnesses }: Surroundings): IsolationKind {
  if (peerSeesQuorum === true) return "cut-off";
  if (witnesses !== null && witnesses.answer > 0) return "orchestrator-down";
  if (peerSeesQuorum === false) return witnesses === null ? "orchestrator-down" : "unclear";
  if (!peerAnswers && witnesses !== null) return "cut-off";
  return "unclear";
}
