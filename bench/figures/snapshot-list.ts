import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type Manifest, snapshotId } from "../../src/snapshot/manifest.js";
import { sealed } from "../../src/snapshot/seal.js";
import { openStore } from "../../src/snapshot/store.js";
import type { PairNode } from "../../test/support/pair/node.js";
import { until } from "../../test/support/pair/pair.js";
import type { Benchmark } from "../benchmark.js";
import { figureOf } from "../figure.js";
import { startPair } from "../running-pair.js";

const count = 10_000;
/** Of an epoch below that of the pair, so that nobody installs one. */
const epoch = 0;

/**
 * `snapshot list` as an operator has it: the whole command, with as many snapshots on this node and on its peer, which is
 * asked over the running agent's link. The recipe keeps its copies apart on each host, and lists them with `ls`.
 */
export const snapshotList: Benchmark = {
  name: "snapshot-list",
  figures: ["snapshot-list-10k"],
  async run({ counts, onEnd }) {
    // The boxes are purged down to `keep`.
    const pair = await startPair({ standby: "warm", extra: { snapshots: ["keep = 100000"] } });
    onEnd(() => pair.end());
    const { a, b } = pair;
    await Promise.all([fill(a, "outbox"), fill(b, "inbox")]);
    await until("a's peer is there", async () => (await a.status()).peers[0]?.link === "up");

    const samples: number[] = [];
    for (let i = 0; i < counts.restores; i += 1) {
      const began = performance.now();
      const { code, stdout } = await a.cli("snapshot", "list");
      samples.push(performance.now() - began);
      if (code !== 0 || !stdout.includes(`and ${count + 1 - 20} older`) || !stdout.includes("inbox"))
        throw new Error(`snapshot list ended with ${code}: ${stdout}`);
    }
    return [
      figureOf({
        name: "snapshot-list-10k",
        unit: "ms",
        samples,
        bound: { of: "p50", most: 500, below: true },
        note: `the whole command, from its start to its end, with ${count} snapshots on each of the two nodes; the recipe has no such thing`,
      }),
    ];
  },
};

/** Snapshots by their manifests alone: nobody reads more of them, and their databases would fill the disk. */
async function fill({ dir }: PairNode, box: "inbox" | "outbox"): Promise<void> {
  const stateDir = join(dir, "state");
  const latest = await openStore(stateDir).latest();
  if (latest === undefined) throw new Error("There is no snapshot yet.");
  const manifest = JSON.parse(readFileSync(join(latest.stored.dir, "manifest.json"), "utf8")) as Manifest;
  for (let sequence = 1; sequence <= count; sequence += 1) {
    const lineage = { epoch, sequence, node: manifest.lineage.node };
    const id = snapshotId(lineage);
    const { seal: _, ...rest } = manifest;
    mkdirSync(join(stateDir, box, id), { mode: 0o700 });
    const text = `${JSON.stringify(sealed({ ...rest, id, lineage }))}\n`;
    writeFileSync(join(stateDir, box, id, "manifest.json"), text, { mode: 0o600 });
  }
}
