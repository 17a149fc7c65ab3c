import type { Config } from "../config/schema.js";
import type { Liveness } from "../http/sources.js";

/** Beyond its own interval: the longest step that is not a hang, and a machine that is busy. */
const longestRoundMs = 150_000;
const longestLookMs = 30_000;

/** A loop, and how long ago it last came round; ms. */
interface Loop {
  readonly quietForMs: number;
}

/**
 * Whether the agent's loops turn. A process that answers and yet looks at nothing any more would tell for good that all
 * is well.
 */
export function livenessOf({ carp }: Pick<Config, "carp">, reconciler: Loop, health: Loop): Liveness {
  if (reconciler.quietForMs > carp.reconcile + longestRoundMs) return stuck("role", reconciler);
  return health.quietForMs > longestLookMs ? stuck("health", health) : { ok: true, why: null };
}

function stuck(what: string, { quietForMs }: Loop): Liveness {
  const seconds = Math.round(quietForMs / 1_000);
  return {
    ok: false,
    why: `The ${what} of this node has not been looked at for ${seconds} s: the agent hangs.`,
  };
}
