import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type Manifest, snapshotId } from "../../src/snapshot/manifest.js";
import { sealed } from "../../src/snapshot/seal.js";
import { openStore } from "../../src/snapshot/store.js";
import type { PairNode } from "../../test/support/pair/node.js";
import type { Benchmark } from "../benchmark.js";
import { figureOf } from "../figure.js";
import { addUser, startPair, untilShipped } from "../running-pair.js";

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
    // Whoever begins to receive looks through its boxes first: that is not what is measured.
    await addUser(a, "list");
    await untilShipped(a);
    await list(a);

    const samples: number[] = [];
    for (let i = 0; i < counts.restores; i += 1) {
      const began = performance.now();
      await list(a);
      samples.push(performance.now() - began);
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

async function list(node: PairNode): Promise<void> {
  const { code, stdout } = await node.cli("snapshot", "list");
  const older = Number(/^and (\d+) older/m.exec(stdout)?.[1]);
  if (code !== 0 || !(older > count - 20) || !stdout.includes("inbox"))
    throw new Error(`snapshot list ended with ${code}: ${stdout}`);
}

/** Snapshots by their manifests alone: nobody reads more of them, and their databases would fill the disk. */
async function fill({ dir }: PairNode, box: "inbox" | "outbox"): Promise<void> {
  const stateDir = join(dir, "state");
  const latest = await openStore(stateDir).latest();
  if (latest === undefined) throw new Error("There is no snapshot yet.");
  const manifest = JSON.parse(await readFile(join(latest.stored.dir, "manifest.json"), "utf8")) as Manifest;
  for (let sequence = 1; sequence <= count; sequence += 1) {
    const lineage = { epoch, sequence, node: manifest.lineage.node };
    const id = snapshotId(lineage);
    const { seal: _, ...rest } = manifest;
    await mkdir(join(stateDir, box, id), { mode: 0o700 });
    const text = `${JSON.stringify(sealed({ ...rest, id, lineage }))}\n`;
    await writeFile(join(stateDir, box, id, "manifest.json"), text, { mode: 0o600 });
  }
}
