import { setTimeout as sleep } from "node:timers/promises";
import type { PairNode } from "../../test/support/pair/node.js";
import type { Benchmark } from "../benchmark.js";
import { type Bound, type Figure, figureOf } from "../figure.js";
import { cpuSeconds } from "../process-usage.js";
import { startPair } from "../running-pair.js";

const bound: Bound = { of: "p50", most: 20, below: true };
const calmMs = 5_000;
/** Rounds asked for in a row while the processor time is read once: the system counts it in ticks of 10 ms. */
const roundsEach = 20;
/** A round of a calm node takes some 20 ms; a hint in its middle would make it one with the next. */
const apartMs = 60;

/** What one round costs: the heartbeat and the looks at health of that time, ifconfig, ProxySQL, the store, the plan. */
export const round: Benchmark = {
  name: "round",
  figures: ["round-passive", "round-active"],
  async run({ counts, onEnd }) {
    const pair = await startPair({ standby: "warm" });
    onEnd(() => pair.end());
    await sleep(calmMs);
    const samples = Math.max(3, Math.round(counts.events / roundsEach));
    return [
      await figureOn("round-passive", pair.b, "BACKUP", samples),
      await figureOn("round-active", pair.a, "MASTER", samples),
    ];
  },
};

async function figureOn(name: string, node: PairNode, role: "MASTER" | "BACKUP", n: number): Promise<Figure> {
  const samples: number[] = [];
  for (let i = 0; i < n; i += 1) samples.push(await costOf(node, role));
  return figureOf({
    name,
    unit: "ms",
    samples,
    bound,
    note: `processor time of the agent a round, over ${roundsEach} rounds each ${apartMs} ms apart, with all that goes on meanwhile; the programs it runs (ifconfig) are not in it`,
  });
}

async function costOf(node: PairNode, role: "MASTER" | "BACKUP"): Promise<number> {
  const pid = node.agentPid;
  if (pid === undefined) throw new Error(`The agent of ${node.name} does not run.`);
  const before = cpuSeconds(pid);
  for (let i = 0; i < roundsEach; i += 1) {
    await node.setRole(role);
    await sleep(apartMs);
  }
  return ((cpuSeconds(pid) - before) * 1_000) / roundsEach;
}
