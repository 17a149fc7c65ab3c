import type { HttpSources, Liveness } from "../http/sources.js";
import { readHistory } from "../journal/history.js";
import { Totals } from "../journal/totals.js";
import { metricValuesOf } from "./metric-values.js";
import type { Desk } from "./sockets.js";
import { type StatusDocument, statusOf } from "./status.js";

/** Beyond its own interval: the longest step that is not a hang, and a machine that is busy. */
const longestRoundMs = 150_000;
const longestLookMs = 30_000;

/** What the status page is made of. Each call tells what the last look found; none of them waits for anything. */
export function httpSources({ node, observer, reconciler, health }: Desk): HttpSources {
  const totals = new Totals(node.journal);
  const status = (): StatusDocument => statusOf(node, observer, reconciler, health);
  const alive = (): Liveness => {
    const roundLimit = node.config.carp.reconcile + longestRoundMs;
    if (reconciler.quietForMs > roundLimit) return stuck("role", reconciler.quietForMs);
    if (health.quietForMs > longestLookMs) return stuck("health", health.quietForMs);
    return { ok: true, why: null };
  };
  return {
    status,
    reasons: () => health.reasons,
    role: () => observer.carp.role,
    history: (options) => readHistory(node.journal, node.config.node.name, options),
    alive,
    metrics: () =>
      metricValuesOf(status(), node.journal, {
        totals: totals.read(),
        quarantined: health.quarantined,
        alerts: null,
      }),
  };
}

function stuck(what: string, quietForMs: number): Liveness {
  return { ok: false, why: `The ${what} has not been looked at for ${Math.round(quietForMs / 1_000)} s.` };
}
