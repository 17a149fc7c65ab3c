import { setTimeout as sleep } from "node:timers/promises";
import type { PairNode } from "../../test/support/pair/node.js";
import { until } from "../../test/support/pair/pair.js";
import type { Benchmark, BenchmarkContext } from "../benchmark.js";
import { figureOf } from "../figure.js";
import { Recipe } from "../recipe.js";
import {
  addUser,
  logsIn,
  type RunningPair,
  startPair,
  untilActive,
  untilPassive,
  untilShipped,
} from "../running-pair.js";
import { timeUntil, timeUntilFirst } from "../waiting.js";

/** Three times advbase, which is a second by default: see ip_carp.c. */
const carpDetectsMs = 3_000;

/** devd's event until an application can log in as a user that only the newest configuration has. */
export const coldPromotion: Benchmark = {
  name: "cold-promotion",
  figures: ["cold-promotion"],
  async run(context) {
    const { ours, theirs } = await measure(context, "cold");
    return [
      figureOf({
        name: "cold-promotion",
        unit: "ms",
        samples: ours,
        versus: { name: "psqlrestore.sh", samples: theirs },
        bound: { of: "ratio", most: 1.3 },
        note: noteFor("event to a login at the client port as a user of the newest configuration"),
      }),
    ];
  },
};

/**
 * The same with a ProxySQL that is fed all the time: clients find their content there from the event on. When the node
 * leads its new epoch, and ships its own changes, is told beside it.
 */
export const warmPromotion: Benchmark = {
  name: "warm-promotion",
  figures: ["warm-promotion", "warm-leading"],
  async run(context) {
    const { ours, theirs, logins } = await measure(context, "warm");
    return [
      figureOf({
        name: "warm-promotion",
        unit: "ms",
        samples: logins,
        versus: { name: "psqlrestore.sh", samples: theirs },
        bound: { of: "ratio", most: 0.2 },
        note: noteFor("event to a login at the client port as a user of the newest configuration"),
      }),
      figureOf({
        name: "warm-leading",
        unit: "ms",
        samples: ours,
        versus: { name: "psqlrestore.sh", samples: theirs },
        bound: { of: "p50", most: 1_000, below: true },
        note: noteFor("event to leading a new epoch, and the login"),
      }),
    ];
  },
};

function noteFor(what: string): string {
  const why = Recipe.missing();
  return `${what}; the peer neither refuses nor answers${why === undefined ? "" : `; not compared: ${why}`}`;
}

/** Ours and the recipe's, one after the other, with the nodes changing places. */
async function measure(
  { counts, onEnd }: BenchmarkContext,
  standby: "warm" | "cold",
): Promise<{ ours: number[]; logins: number[]; theirs: number[] }> {
  const pair = await startPair({ standby });
  onEnd(() => pair.end());
  const recipe = Recipe.missing() === undefined ? await Recipe.create(pair.dir) : undefined;
  onEnd(async () => recipe?.end());
  const ours: number[] = [];
  const logins: number[] = [];
  const theirs: number[] = [];
  let [active, passive] = [pair.a, pair.b];
  for (let i = 0; i < counts.promotions; i += 1) {
    const user = `newest${i}`;
    await change(active, passive, standby, user);
    await recipe?.receive(active);
    await die(pair, active);
    const promoted = await promote(passive, standby, user);
    ours.push(Math.max(promoted.login, promoted.lead));
    logins.push(promoted.login);
    if (recipe) theirs.push(await restore(recipe, user));
    await comeBack(pair, active, passive, standby);
    [active, passive] = [passive, active];
  }
  return { ours, logins, theirs };
}

/** A change that only the newest snapshot has is on the passive node's disk and, in warm standby, in its ProxySQL. */
async function change(active: PairNode, passive: PairNode, standby: string, user: string): Promise<void> {
  const before = (await active.status()).lastTaken?.snapshot;
  await addUser(active, user);
  await until("the change is taken", async () => (await active.status()).lastTaken?.snapshot !== before);
  await untilShipped(active);
  if (standby === "warm") await until("the change is applied", () => logsIn(passive, user));
}

/** The active node loses its network at once; CARP tells the other one after three advertisements that did not come. */
async function die({ cables }: RunningPair, active: PairNode): Promise<void> {
  const began = performance.now();
  cables.a.cut();
  cables.b.cut();
  await active.setRole("INIT");
  await sleep(carpDetectsMs - (performance.now() - began));
}

/** Milliseconds from the event to the login and, in warm standby, to leading the new epoch. */
async function promote(
  node: PairNode,
  standby: string,
  user: string,
): Promise<{ login: number; lead: number }> {
  const began = performance.now();
  const event = node.setRole("MASTER");
  const leading = timeUntil(
    "the promoted node leads",
    began,
    async () => (await node.status()).leads !== null,
  );
  const loggedIn = timeUntilFirst("the promoted node lets the user in", began, () => logsIn(node, user));
  const [login, lead] = await Promise.all([loggedIn, leading, event]);
  return { login, lead: standby === "warm" ? lead : 0 };
}

async function restore(recipe: Recipe, user: string): Promise<number> {
  const began = performance.now();
  const script = recipe.restore();
  const ms = await timeUntilFirst("the recipe's host lets the user in", began, () =>
    logsIn(recipe.node, user),
  );
  await script;
  await recipe.stopProxysql();
  return ms;
}

/** The one that was away returns as BACKUP and takes what the other one has now. */
async function comeBack(
  { cables }: RunningPair,
  returned: PairNode,
  leader: PairNode,
  standby: string,
): Promise<void> {
  await untilActive(leader);
  cables.a.mend();
  cables.b.mend();
  await returned.setRole("BACKUP");
  await untilPassive(returned, standby);
  await untilShipped(leader);
  await untilPassive(returned, standby);
}
