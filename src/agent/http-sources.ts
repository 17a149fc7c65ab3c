import type { HttpSources } from "../http/sources.js";
import { readHistory } from "../journal/history.js";
import { Totals } from "../journal/totals.js";
import { livenessOf } from "./liveness.js";
import { metricValuesOf } from "./metric-values.js";
import type { Desk } from "./sockets.js";
import { type StatusDocument, statusOf } from "./status.js";

/** What the status page is made of. Each call tells what the last look found; none of them waits for anything. */
export function httpSources({ node, observer, reconciler, health }: Desk): HttpSources {
  const totals = new Totals(node.journal);
  const status = (): StatusDocument => statusOf(node, observer, reconciler, health);
  return {
    status,
    reasons: () => health.reasons,
    role: () => observer.carp.role,
    history: (options) => readHistory(node.journal, node.config.node.name, options),
    alive: () => livenessOf(node.config, reconciler, health),
    metrics: () =>
      metricValuesOf(status(), node.journal, {
        totals: totals.read(),
        quarantined: health.quarantined,
        alerts: health.alertCounts,
      }),
  };
}
