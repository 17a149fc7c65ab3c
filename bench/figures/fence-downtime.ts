import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { type InstanceSpec, type Orchestrator, startOrchestrator } from "../../test/support/orchestrator.js";
import { type PairNode, root } from "../../test/support/pair/node.js";
import type { Benchmark, BenchmarkContext } from "../benchmark.js";
import { FenceRecipe, schedulerMs } from "../fence-recipe.js";
import { msUntilOffline } from "../fence-watch.js";
import { figureOf } from "../figure.js";
import { addUsualServers, startPair, usualServers } from "../running-pair.js";

/** Downtimes between two runs of the recipe's script take 2.5 s of waiting in the middle: not with every one of ours. */
const oursForEachOfTheirs = 2;
/** After a hook the agent asks every 100 ms for 3 s: the next one is to find it at rest. */
const burstMs = 3_300;
/** With this the hook alone brings the news. */
const noPoll = '"10m"';
const pollMs = 1_000;

/** From Orchestrator's downtime until ProxySQL's runtime has the server OFFLINE_SOFT: by polling, and by Orchestrator's hook. */
export const fenceDowntime: Benchmark = {
  name: "fence-downtime",
  figures: ["fence-by-poll", "fence-by-hook"],
  async run(context) {
    const { polled, theirs } = await byPolling(context);
    const hooked = await byHook(context);
    const missing = FenceRecipe.missing();
    const versus = { name: "proxy-oc.sh, every 5 s", samples: theirs };
    const note = `begin-downtime to OFFLINE_SOFT in runtime, 40 servers, a raft of three${missing === undefined ? "; the recipe's are spread evenly over the time between two runs of its script" : `; not compared: ${missing}`}`;
    return [
      figureOf({
        name: "fence-by-poll",
        unit: "ms",
        samples: polled,
        versus,
        bound: { of: "p50", most: 1_200, below: true },
        note: `${note}; ours at random moments between two polls of the default 1 s`,
      }),
      figureOf({
        name: "fence-by-hook",
        unit: "ms",
        samples: hooked,
        versus,
        bound: { of: "p50", most: 300, below: true },
        note: `${note}; ours from the downtime on with the start of the hook's shell and of \`orchestrator hook\`, polling is off`,
      }),
    ];
  },
};

async function byPolling(context: BenchmarkContext): Promise<{ polled: number[]; theirs: number[] }> {
  const { orchestrator, node, dir } = await start(context, []);
  const recipe =
    FenceRecipe.missing() === undefined
      ? await FenceRecipe.create(dir, await leaderOf(orchestrator), [
          addUsualServers,
          "LOAD MYSQL SERVERS TO RUNTIME",
        ])
      : undefined;
  context.onEnd(async () => recipe?.end());
  const [polled, theirs]: [number[], number[]] = [[], []];
  const runs = Math.ceil(context.counts.fences / oursForEachOfTheirs);
  for (const [i, server] of usualServers.slice(1, 1 + context.counts.fences).entries()) {
    await sleep(Math.random() * pollMs);
    const since = Date.now();
    await orchestrator.beginDowntime(server, "bench", "downtime");
    const ours = msUntilOffline(node, server.host, since);
    const turn = i / oursForEachOfTheirs;
    const other =
      recipe && Number.isInteger(turn)
        ? runAfter(recipe, server.host, since, ((turn + Math.random()) / runs) * schedulerMs)
        : undefined;
    const [own, their] = await Promise.all([ours, other]);
    polled.push(own);
    if (their !== undefined) theirs.push(their);
  }
  return { polled, theirs };
}

/** The scheduler's next run begins `waitMs` after the downtime. */
async function runAfter(recipe: FenceRecipe, host: string, since: number, waitMs: number): Promise<number> {
  await sleep(waitMs);
  const [ms] = await Promise.all([msUntilOffline(recipe.node, host, since), recipe.run()]);
  return ms;
}

async function byHook(context: BenchmarkContext): Promise<number[]> {
  const { orchestrator, node } = await start(context, [`poll = ${noPoll}`]);
  const hooked: number[] = [];
  for (const server of usualServers.slice(1, 1 + Math.ceil(context.counts.fences / oursForEachOfTheirs))) {
    const since = Date.now();
    await orchestrator.beginDowntime(server, "bench", "downtime");
    const [ms] = await Promise.all([msUntilOffline(node, server.host, since), callHook(node, server.host)]);
    hooked.push(ms);
    await sleep(burstMs);
  }
  return hooked;
}

/** Orchestrator writes the command into a file and has its shell run that, with what it knows in ORC_* variables. */
async function callHook(node: PairNode, host: string): Promise<void> {
  const file = join(node.dir, "orchestrator-process");
  writeFileSync(file, `'${process.execPath}' '${join(root, "dist/cli.js")}' orchestrator hook\n`);
  const told = [`ORC_FAILED_HOST=${host}`, "ORC_FAILED_PORT=3306", "ORC_FAILURE_TYPE=DeadMaster"];
  const { code, stderr } = await node.run("/usr/bin/env", [...told, "/bin/sh", file]);
  if (code !== 0 || stderr !== "") throw new Error(`The hook ended with ${code}: ${stderr}`);
}

/** A pair that asks an Orchestrator, its active node at rest. */
async function start(
  { onEnd }: BenchmarkContext,
  settings: readonly string[],
): Promise<{ orchestrator: Orchestrator; node: PairNode; dir: string }> {
  const orchestrator = await startOrchestrator({ instances: oneCluster() });
  onEnd(() => orchestrator.stop());
  const endpoints = `endpoints = ${JSON.stringify(orchestrator.endpoints)}`;
  const extra = { orchestrator: [endpoints, ...settings] };
  const pair = await startPair({ standby: "warm", extra, traces: true });
  onEnd(() => pair.end());
  return { orchestrator, node: pair.a, dir: pair.dir };
}

/** All of the usual servers: the first one is the primary, the others follow it. */
export function oneCluster(): InstanceSpec[] {
  return usualServers.map((server, i) => ({
    ...server,
    alias: "shop",
    ...(i === 0 ? {} : { master: usualServers[0] ?? null }),
  }));
}

export async function leaderOf(orchestrator: Orchestrator): Promise<string> {
  const url = orchestrator.endpoints[await orchestrator.leader()];
  if (url === undefined) throw new Error("Nobody leads.");
  return url;
}
