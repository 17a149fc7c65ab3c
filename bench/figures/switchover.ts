import { type Client, startClient } from "../../test/support/host/client-host.js";
import type { Host } from "../../test/support/host/host.js";
import { createLab, destroyLab, hostOf, shopDatabase, startAll } from "../../test/support/host/netns.js";
import { missingForHosts } from "../../test/support/host/requirements.js";
import { pairAtRest, switchOver } from "../../test/support/host/switchover.js";
import { changeServers } from "../../test/support/host/switchover-holds.js";
import type { Benchmark } from "../benchmark.js";
import { figureOf } from "../figure.js";

const shop = "db1.example db2.example db3.example";

/**
 * A planned switchover of a warm pair that preempts, on hosts in network namespaces with real ucarp: how long a client
 * of the shared address, which connects every 10 ms, gets no greeting. Each one ships a change before.
 */
export const switchover: Benchmark = {
  name: "switchover",
  figures: ["switchover-unserved", "switchover-whole"],
  missing: missingForHosts,
  async run({ counts, onEnd }) {
    const lab = createLab({ standby: "warm", databases: [shopDatabase], preempt: true });
    onEnd(async () => destroyLab(lab));
    const pair: [Host, Host] = [hostOf(lab, "a"), hostOf(lab, "b")];
    await startAll(lab);
    await pairAtRest(pair, shop);
    const client = await startClient(lab);
    const unserved: number[] = [];
    const whole: number[] = [];
    let servers = shop;
    for (let i = 0; i < counts.promotions; i += 1) {
      const name = `db4-${String(i).padStart(3, "0")}.example`;
      const measured = await move(pair, client, servers, name);
      servers = [...servers.split(" "), name].sort().join(" ");
      unserved.push(measured.unservedMs);
      whole.push(measured.wholeMs);
    }
    await pairAtRest(pair, servers);
    const note = "there and back in namespaces with ucarp, warm, preempt on, a server added before each";
    return [
      figureOf({
        name: "switchover-unserved",
        unit: "ms",
        samples: unserved,
        bound: { of: "p50", most: 1_000, below: true },
        note: `longest time without a greeting at the shared address's client port; ${note}`,
      }),
      figureOf({
        name: "switchover-whole",
        unit: "ms",
        samples: whole,
        bound: { of: "p50", most: 10_000, below: true },
        note: `from the command's request to the last step; ${note}`,
      }),
    ];
  },
};

async function move(
  pair: readonly [Host, Host],
  client: Client,
  servers: string,
  added: string,
): Promise<{ unservedMs: number; wholeMs: number }> {
  const { active, passive } = await pairAtRest(pair, servers);
  await changeServers(active, added);
  const began = Date.now();
  const { state, error, ms } = await switchOver(active);
  if (state !== "done") throw new Error(`The switchover to ${passive.name} ended as ${state}: ${error}`);
  return { unservedMs: client.seenSince(began).unservedMs, wholeMs: ms };
}
