import { readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import Database from "better-sqlite3";
import type { PairNode } from "../../test/support/pair/node.js";
import type { Benchmark } from "../benchmark.js";
import { figureOf } from "../figure.js";
import { Recipe } from "../recipe.js";
import { addUser, startPair, untilShipped } from "../running-pair.js";

const bound = { of: "p50", most: 0 } as const;

/**
 * Bytes of snapshots that go to the peer while the configuration does not change. The schedule is set to every second, so
 * that many ticks pass; each is what a minute is by default.
 */
export const unchanged: Benchmark = {
  name: "unchanged",
  figures: ["unchanged-minute", "identical-save"],
  async run({ counts, onEnd }) {
    const pair = await startPair({
      standby: "warm",
      extra: { snapshots: ['schedule = "* * * * * *"', "on_change = false"] },
    });
    onEnd(() => pair.end());
    const { a, b, cables } = pair;
    await provesSchedule(a, b);

    const wireBefore = cables.a.bytes;
    const ticks: number[] = [];
    for (let i = 0; i < counts.ticks; i += 1) ticks.push(await shippedDuring(a, b, () => sleep(1_000)));
    const wirePerMinute = ((cables.a.bytes - wireBefore) / counts.ticks) * 60;

    const saves: number[] = [];
    for (let i = 0; i < Math.max(3, counts.ticks / 4); i += 1) {
      saves.push(
        await shippedDuring(a, b, async () => {
          // ProxySQL deletes and inserts every row: the file changes, the content does not.
          await a.admin("SAVE MYSQL SERVERS TO DISK", "SAVE MYSQL USERS TO DISK");
          await sleep(2_500);
        }),
      );
    }
    await provesSchedule(a, b);

    const versus = await recipeBytes(a, pair.dir, onEnd);
    const missing = versus === undefined ? `; not compared: ${Recipe.missing()}` : "";
    return [
      figureOf({
        name: "unchanged-minute",
        unit: "bytes",
        samples: ticks,
        versus,
        bound,
        note: `snapshot bytes per schedule tick; the link's own heartbeat and questions take ${Math.round(wirePerMinute / 1024)} KiB a minute${missing}`,
      }),
      figureOf({
        name: "identical-save",
        unit: "bytes",
        samples: saves,
        versus,
        bound,
        note: `snapshot bytes after SAVE ... TO DISK of what is there already${missing}`,
      }),
    ];
  },
};

/** With the change watch off, a change that reaches the peer shows that the schedule really ticks and we really count. */
async function provesSchedule(a: PairNode, b: PairNode): Promise<void> {
  const bytes = await shippedDuring(a, b, async () => {
    await addUser(a, `tick${Date.now()}`);
    await sleep(2_500);
    await untilShipped(a);
  });
  if (bytes === 0) throw new Error("A changed configuration was not shipped: the schedule does not tick.");
}

/** Bytes of the snapshots that went to `b` meanwhile: what a's journal has as shipped, and what lies in b's inbox. */
async function shippedDuring(a: PairNode, b: PairNode, work: () => Promise<void>): Promise<number> {
  const shippedBefore = shipments(a);
  const inboxBefore = inboxBytes(b);
  await work();
  const offers = shipments(a) - shippedBefore;
  const received = inboxBytes(b) - inboxBefore;
  // An offer that the peer has already costs its manifest: count it, were there ever one.
  return Math.max(received, offers > 0 ? 1 : 0);
}

function shipments(node: PairNode): number {
  const journal = new Database(join(node.dir, "state/journal.db"), { readonly: true });
  try {
    const row = journal.prepare("SELECT count(*) AS shipped FROM snapshots WHERE event='shipped'").get();
    return (row as { shipped: number }).shipped;
  } finally {
    journal.close();
  }
}

function inboxBytes(node: PairNode): number {
  const inbox = join(node.dir, "state/inbox");
  const files = readdirSync(inbox, { recursive: true, withFileTypes: true }).filter((entry) =>
    entry.isFile(),
  );
  return files.reduce((sum, { parentPath, name }) => sum + statSync(join(parentPath, name)).size, 0);
}

async function recipeBytes(
  a: PairNode,
  dir: string,
  onEnd: (work: () => Promise<void>) => void,
): Promise<{ name: string; samples: number[] } | undefined> {
  if (Recipe.missing() !== undefined) return undefined;
  const recipe = await Recipe.create(dir);
  onEnd(() => recipe.end());
  await recipe.receive(a);
  return { name: "psqlbkp.sh, every minute", samples: [recipe.shippedBytes] };
}
