import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";
import { root } from "../../test/support/pair/node.js";
import type { Benchmark } from "../benchmark.js";
import { figureOf } from "../figure.js";
import { startPair } from "../running-pair.js";
import { median } from "../statistics.js";

const run = promisify(execFile);
const commandMs = 30_000;

/** The whole command as an operator waits for it, most of which is the start of Node.js. The recipe has no status. */
export const status: Benchmark = {
  name: "status",
  figures: ["status"],
  async run({ counts, onEnd }) {
    const { a, end } = await startPair({ standby: "warm" });
    onEnd(end);
    const samples: number[] = [];
    for (let n = 0; n < counts.events; n += 1) {
      const began = performance.now();
      const { stdout } = await run(process.execPath, [join(root, "dist/cli.js"), "status"], {
        env: a.env,
        timeout: commandMs,
      });
      samples.push(performance.now() - began);
      if (!stdout.includes("is active")) throw new Error(`The status is no status: ${stdout}`);
    }
    return [
      figureOf({
        name: "status",
        unit: "ms",
        samples,
        bound: { of: "p50", most: 300, below: true },
        note: `the whole command \`status\` on the active node of a running pair; Node.js alone starts and ends in ${await bareStart(counts.restores)} ms; the recipe has no status`,
      }),
    ];
  },
};

/** The median of a Node.js that does nothing, in whole milliseconds: what no command gets below. */
async function bareStart(times: number): Promise<number> {
  const samples: number[] = [];
  for (let n = 0; n < times; n += 1) {
    const began = performance.now();
    await run(process.execPath, ["-e", ""], { timeout: commandMs });
    samples.push(performance.now() - began);
  }
  return Math.round(median(samples));
}
