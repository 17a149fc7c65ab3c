import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { type InstanceSpec, startOrchestrator } from "../../test/support/orchestrator.js";
import type { PairNode } from "../../test/support/pair/node.js";
import { until } from "../../test/support/pair/pair.js";
import { usesRealProxysql } from "../../test/support/proxysql.js";
import {
  changesBetween,
  isOnline,
  type ServerChange,
  serverChanges,
  setMonitored,
} from "../../test/support/standin-control.js";
import type { Benchmark } from "../benchmark.js";
import { FenceRecipe } from "../fence-recipe.js";
import { msUntilOffline } from "../fence-watch.js";
import { figureOf } from "../figure.js";
import { startPair } from "../running-pair.js";
import { leaderOf } from "./fence-downtime.js";

/** ProxySQL's default for mysql-monitor_read_only_interval. */
const monitorMs = 1_000;
/** Two looks of the monitor after the fence: what it takes away or puts back is seen. */
const observedMs = 2 * monitorMs + 200;

/** A cluster of two with hostgroups of its own, so that each failover finds everything untouched. */
interface Cluster {
  readonly alias: string;
  readonly writers: number;
  readonly readers: number;
  readonly old: string;
  readonly innocent: string;
}

/**
 * How long the new primary's row in the writer hostgroup is not ONLINE because the old one is fenced. The monitor has moved
 * that row in the runtime alone: whoever loads memory without a refresh takes it away until the monitor's next look.
 */
export const fenceInnocent: Benchmark = {
  name: "fence-innocent",
  figures: ["fence-innocent-writer"],
  missing: () =>
    usesRealProxysql
      ? "its MySQL servers are imagined by the stand-in's monitor: unset PROXYSQL_BIN to measure it"
      : undefined,
  async run({ counts, onEnd }) {
    const clusters = Array.from({ length: counts.promotions }, (_, i) => clusterOf(i));
    const orchestrator = await startOrchestrator({ instances: clusters.flatMap(instancesOf) });
    onEnd(() => orchestrator.stop());
    const endpoints = `endpoints = ${JSON.stringify(orchestrator.endpoints)}`;
    const pair = await startPair({ standby: "warm", extra: { orchestrator: [endpoints] }, traces: true });
    onEnd(() => pair.end());
    const configuration = configurationOf(clusters);
    await pair.a.admin(...configuration);
    const missing = FenceRecipe.missing();
    const recipe =
      missing === undefined
        ? await FenceRecipe.create(pair.dir, await leaderOf(orchestrator), configuration)
        : undefined;
    onEnd(async () => recipe?.end());
    const nodes = recipe ? [pair.a, recipe.node] : [pair.a];
    const [ours, theirs]: [number[], number[]] = [[], []];
    for (const cluster of clusters) {
      await moveWriter(nodes, clusters, cluster);
      // The monitor of each looks at a moment of its own.
      await sleep(Math.random() * monitorMs);
      const since = Date.now();
      await orchestrator.failMaster(cluster.alias);
      await Promise.all([recipe?.run(), ...nodes.map((node) => msUntilOffline(node, cluster.old, since))]);
      await sleep(observedMs);
      ours.push(msAway(pair.a, cluster, since));
      if (recipe) theirs.push(msAway(recipe.node, cluster, since));
    }
    return [
      figureOf({
        name: "fence-innocent-writer",
        unit: "ms",
        samples: ours,
        versus: { name: "proxy-oc.sh", samples: theirs },
        bound: { of: "p99", most: 0 },
        note: `time that the new primary's row in the writer hostgroup is not ONLINE, from the failover until ${observedMs} ms after the fence; mysql-monitor_read_only_interval ${monitorMs} ms${missing === undefined ? "" : `; not compared: ${missing}`}`,
      }),
    ];
  },
};

function clusterOf(i: number): Cluster {
  const writers = 100 + 2 * i;
  return { alias: `shop${i}`, writers, readers: writers + 1, old: `old${i}`, innocent: `new${i}` };
}

function instancesOf({ alias, old, innocent }: Cluster): InstanceSpec[] {
  const master = { host: old, port: 3306 };
  return [
    { ...master, alias },
    { host: innocent, port: 3306, alias, master },
  ];
}

function configurationOf(clusters: readonly Cluster[]): string[] {
  const pairs = clusters.map(({ writers, readers, alias }) => `(${writers},${readers},'${alias}')`);
  const servers = clusters.map(
    ({ writers, readers, old, innocent }) => `(${writers},'${old}',3306),(${readers},'${innocent}',3306)`,
  );
  return [
    `INSERT INTO mysql_replication_hostgroups(writer_hostgroup,reader_hostgroup,comment) VALUES ${pairs.join(",")}`,
    `INSERT INTO mysql_servers(hostgroup_id,hostname,port) VALUES ${servers.join(",")}`,
    "LOAD MYSQL SERVERS TO RUNTIME",
    "SAVE MYSQL SERVERS TO DISK",
    "SET mysql-monitor_enabled='true'",
    `SET mysql-monitor_read_only_interval='${monitorMs}'`,
    "LOAD MYSQL VARIABLES TO RUNTIME",
    "SAVE MYSQL VARIABLES TO DISK",
  ];
}

/** The primary of `failing` is dead and its replica writable: waits until the monitors have found that out. */
async function moveWriter(
  nodes: readonly PairNode[],
  clusters: readonly Cluster[],
  failing: Cluster,
): Promise<void> {
  const reached = clusters.indexOf(failing);
  const found = clusters.flatMap(({ old, innocent }, i) => [
    [`${old}:3306`, i <= reached ? { alive: false } : { readOnly: false }],
    [`${innocent}:3306`, { readOnly: i > reached }],
  ]);
  for (const node of nodes) setMonitored(join(node.dir, "proxysql"), Object.fromEntries(found));
  for (const node of nodes)
    await until(`the monitor of ${node.name} has moved ${failing.innocent}`, async () => {
      const last = serverChanges(node.serversTrace).at(-1);
      return last !== undefined && isOnline(last, failing.writers, failing.innocent);
    });
}

function msAway(node: PairNode, { writers, innocent }: Cluster, since: number): number {
  const now = Date.now();
  const changes = changesBetween(serverChanges(node.serversTrace), since, now);
  return changes.reduce((sum, change: ServerChange, i) => {
    if (isOnline(change, writers, innocent)) return sum;
    return sum + (changes[i + 1]?.time ?? now) - Math.max(change.time, since);
  }, 0);
}
