import type { Registry } from "prom-client";
import { type Metric, metricTable } from "./metric-table.js";
import type { MetricValues } from "./metric-values.js";

const prefix = "proxysql_carp_";

/** The process's own, under the names that every Prometheus client uses for them. */
const processTable: readonly Metric[] = [
  {
    name: "process_cpu_seconds_total",
    type: "counter",
    help: "User and system time of the agent.",
    samples: () => {
      const { user, system } = process.cpuUsage();
      return [{ value: (user + system) / 1e6 }];
    },
  },
  {
    name: "process_resident_memory_bytes",
    type: "gauge",
    help: "Resident memory of the agent.",
    samples: () => [{ value: process.memoryUsage.rss() }],
  },
  {
    name: "process_start_time_seconds",
    type: "gauge",
    help: "When the agent started.",
    samples: () => [{ value: performance.timeOrigin / 1_000 }],
  },
];

/**
 * The values in Prometheus' text format, with its content type. A registry of its own for each answer: nothing is left
 * of an answer before, such as the series of a peer that was removed from the configuration. prom-client is loaded by the
 * first scrape: an agent that is not scraped does without its memory.
 */
export async function renderMetrics(values: MetricValues): Promise<{ type: string; text: string }> {
  const { Counter, Gauge, Registry } = await import("prom-client");
  const registry: Registry = new Registry();
  const rows = [
    ...metricTable.map((metric) => ({ ...metric, name: `${prefix}${metric.name}` })),
    ...processTable,
  ];
  for (const { name, help, type, samples } of rows) {
    const found = samples(values);
    if (found.length === 0) continue;
    const labelNames = Object.keys(found[0]?.labels ?? {});
    const options = { name, help, labelNames, registers: [registry] };
    if (type === "gauge") {
      const gauge = new Gauge(options);
      for (const { labels, value } of found) gauge.set(labels ?? {}, value);
    } else {
      const counter = new Counter(options);
      for (const { labels, value } of found) counter.inc(labels ?? {}, value);
    }
  }
  return { type: registry.contentType, text: await registry.metrics() };
}
