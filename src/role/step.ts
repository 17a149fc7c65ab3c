import type { ShareCause } from "./care.js";
import type { Ranked } from "./lineage.js";

/** One thing to do. Every step is idempotent: doing it again when it is done already changes nothing. */
export type Step =
  | { readonly kind: "ask-peers" }
  | { readonly kind: "settle"; readonly ms: number }
  /** Ask for the lock, without which no node serves as MASTER. */
  | { readonly kind: "acquire-lock" }
  | { readonly kind: "release-lock" }
  /** Does the host of a peer that cannot be asked still answer, so that it may hold the address? */
  | { readonly kind: "knock"; readonly peer: string }
  /** Have the operator's command switch the peer's host off. */
  | { readonly kind: "shoot"; readonly peer: string }
  | { readonly kind: "fetch"; readonly peer: string; readonly ranked: Ranked }
  | { readonly kind: "install"; readonly ranked: Ranked; readonly reportLoss: boolean }
  | { readonly kind: "apply"; readonly ranked: Ranked; readonly reportLoss: boolean }
  /** Back to the files that were here before a snapshot that did not work out. */
  | { readonly kind: "put-back" }
  /** ProxySQL did not prove itself on this snapshot: pass it over from now on. */
  | { readonly kind: "reject"; readonly ranked: Ranked }
  | { readonly kind: "start" }
  | { readonly kind: "resume" }
  | { readonly kind: "prove" }
  | { readonly kind: "run-scheduler" }
  | { readonly kind: "hush-scheduler" }
  | { readonly kind: "open-epoch"; readonly above: number }
  /** A restore is done, or given up: snapshots are taken again. */
  | { readonly kind: "end-restore" }
  | { readonly kind: "report-divergence"; readonly peer: string; readonly theirs: Ranked }
  | { readonly kind: "ship" }
  | { readonly kind: "release" }
  | { readonly kind: "purge" }
  | { readonly kind: "pause" }
  | { readonly kind: "drain" }
  | { readonly kind: "stop" }
  /** Stop it whatever state it is in, and its supervisor, to start it anew. */
  | { readonly kind: "halt" }
  | { readonly kind: "settle-share" }
  | { readonly kind: "demote"; readonly why: ShareCause }
  | { readonly kind: "take-back" }
  /** Ask CARP to step down although the peer does not take the address by itself. */
  | { readonly kind: "yield" };
