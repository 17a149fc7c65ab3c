import { setTimeout as sleep } from "node:timers/promises";
import type { FenceDocument } from "../../src/fence/document.js";
import { startOrchestrator } from "../../test/support/orchestrator.js";
import type { PairNode } from "../../test/support/pair/node.js";
import { descendantsOf } from "../../test/support/sshd.js";
import type { Benchmark } from "../benchmark.js";
import { type Bound, type Figure, figureOf } from "../figure.js";
import { commandLine, cpuSeconds, peakMiB, residentMiB } from "../process-usage.js";
import { startPair } from "../running-pair.js";
import { median } from "../statistics.js";
import { oneCluster } from "./fence-downtime.js";

const memoryBound: Bound = { of: "p50", most: 90, below: true };
const cpuBound: Bound = { of: "p50", most: 1, below: true };
/** It asks six things of Orchestrator's leader each second. */
const cpuFencingBound: Bound = { of: "p50", most: 2, below: true };
/** After the start and the first shipment, until V8 has compiled and collected what they left: that is not rest. */
const calmMs = 20_000;

/** What the agent takes of the machine while nothing happens, in warm standby on both sides. */
export const atRest: Benchmark = {
  name: "at-rest",
  figures: ["memory-passive", "memory-active", "cpu-passive", "cpu-active"],
  async run({ counts, onEnd }) {
    const pair = await startPair({ standby: "warm" });
    onEnd(() => pair.end());
    await sleep(calmMs);
    const [active, passive] = await Promise.all([
      observe(pair.a, counts.restSeconds),
      observe(pair.b, counts.restSeconds),
    ]);
    return [...figuresOf("passive", passive, cpuBound), ...figuresOf("active", active, cpuBound)];
  },
};

/** The same of the active node of a pair that asks an Orchestrator every second, which has nothing new. */
export const atRestFencing: Benchmark = {
  name: "at-rest-fencing",
  figures: ["memory-fencing", "cpu-fencing"],
  async run({ counts, onEnd }) {
    const orchestrator = await startOrchestrator({ instances: oneCluster() });
    onEnd(() => orchestrator.stop());
    const endpoints = `endpoints = ${JSON.stringify(orchestrator.endpoints)}`;
    const pair = await startPair({ standby: "warm", extra: { orchestrator: [endpoints] } });
    onEnd(() => pair.end());
    await sleep(calmMs);
    const rest = await observe(pair.a, counts.restSeconds);
    const { stdout } = await pair.a.cli("fence", "status", "--json");
    const { orchestrator: seen } = JSON.parse(stdout) as FenceDocument;
    if (seen.state !== "quorum") throw new Error("The agent has no answer of Orchestrator.");
    return figuresOf("fencing", rest, cpuFencingBound);
  },
};

interface Rest {
  /** MiB, one a second. */
  readonly memory: readonly number[];
  /** Percent of one core over the whole time. */
  readonly cpu: number;
  /** MiB; undefined where the system does not tell. */
  readonly peak: number | undefined;
  /** MiB, of all processes that serve this node's peer. */
  readonly serving: number;
}

async function observe(node: PairNode, seconds: number): Promise<Rest> {
  const pid = node.agentPid;
  if (pid === undefined) throw new Error(`The agent of ${node.name} does not run.`);
  const memory: number[] = [];
  const serving: number[] = [];
  const began = performance.now();
  const usedBefore = cpuSeconds(pid);
  for (let i = 0; i < seconds; i += 1) {
    memory.push(residentMiB(pid));
    serving.push(servingMiB(node));
    await sleep(began + (i + 1) * 1_000 - performance.now());
  }
  const cpu = ((cpuSeconds(pid) - usedBefore) / (performance.now() - began)) * 1_000 * 100;
  return { memory, cpu, peak: peakMiB(pid), serving: median(serving) };
}

function figuresOf(role: string, { memory, cpu, peak, serving }: Rest, cpuMost: Bound): Figure[] {
  const seconds = memory.length;
  const peakNote = peak === undefined ? "" : `peak since the start ${peak.toFixed(0)} MiB; `;
  return [
    figureOf({
      name: `memory-${role}`,
      unit: "MiB",
      samples: memory,
      bound: memoryBound,
      note: `resident memory of the agent over ${seconds} s; ${peakNote}the process that serves its peer: ${serving.toFixed(0)} MiB; the recipe has nothing resident`,
    }),
    figureOf({
      name: `cpu-${role}`,
      unit: "%",
      samples: [cpu],
      bound: cpuMost,
      note: `user and system time of the agent, of one core, over ${seconds} s; the recipe has nothing resident`,
    }),
  ];
}

function servingMiB(node: PairNode): number {
  const own = descendantsOf(process.pid).filter((pid) => {
    const line = commandLine(pid);
    return line.includes(node.configFile) && line.trimEnd().endsWith("serve");
  });
  return own.reduce((sum, pid) => sum + residentMiB(pid), 0);
}
