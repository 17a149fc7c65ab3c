import { spawnSync } from "node:child_process";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { root, vhid } from "../../test/support/pair/node.js";
import { until } from "../../test/support/pair/pair.js";
import type { Benchmark } from "../benchmark.js";
import { type Bound, figureOf } from "../figure.js";
import { Recipe } from "../recipe.js";
import { startPair } from "../running-pair.js";

const bound: Bound = { of: "p50", most: 15 };
const hook = join(root, "devd/proxysql-carp-notify");
/** devd's own, which has no /usr/local/bin. */
const devdPath = "/sbin:/bin:/usr/sbin:/usr/bin";
/** Between two events, for the hook's background child to end: real events are seconds apart. */
const pauseMs = 25;

/** How long devd waits for its action: it forks, runs the action by /bin/sh -c, and waits, for one after the other. */
export const devdBlocked: Benchmark = {
  name: "devd-blocked",
  figures: ["devd-blocked-live", "devd-blocked-no-agent", "devd-blocked-frozen"],
  async run({ counts, onEnd }) {
    const pair = await startPair({ standby: "warm" });
    onEnd(() => pair.end());
    const recipe = await Recipe.create(pair.dir);
    onEnd(() => recipe.end());
    await recipe.receive(pair.a);
    const { b } = pair;
    const environment = { ...process.env, PATH: devdPath, ...directoriesOf(b.env) };
    const theirs: number[] = [];

    async function ours(): Promise<number[]> {
      const samples: number[] = [];
      for (let i = 0; i < counts.events; i += 1) {
        samples.push(blockedBy(`${hook} BACKUP ${vhid}`, environment));
        await sleep(pauseMs);
        if (i % Math.ceil(counts.events / counts.restores) === 0) theirs.push(await restoreOnce(recipe));
      }
      return samples;
    }

    const live = await ours();
    const { agentPid } = b;
    if (agentPid === undefined) throw new Error("The agent does not run.");
    process.kill(agentPid, "SIGSTOP");
    let frozen: number[];
    try {
      frozen = await ours();
      // Every event must have found its way, into the spool here: a hook that loses it is quick too.
      await until("all events are in the spool", async () => spooled(b.dir) >= counts.events);
    } finally {
      process.kill(agentPid, "SIGCONT");
    }
    await until("the spool is read", async () => spooled(b.dir) === 0);
    await b.stopAgent();
    const absent = await ours();
    await until("all events are in the spool", async () => spooled(b.dir) >= counts.events);

    const versus = { name: "psqlrestore.sh as devd's action", samples: theirs };
    const note = "fork, /bin/sh -c, wait; the recipe's time is that of its whole script, by the same way";
    return [
      figureOf({ name: "devd-blocked-live", unit: "ms", samples: live, versus, bound, note }),
      figureOf({ name: "devd-blocked-no-agent", unit: "ms", samples: absent, versus, bound, note }),
      figureOf({ name: "devd-blocked-frozen", unit: "ms", samples: frozen, versus, bound, note }),
    ];
  },
};

async function restoreOnce(recipe: Recipe): Promise<number> {
  const { script, env } = recipe.restoreCommand;
  const ms = blockedBy(script, env);
  await recipe.stopProxysql();
  return ms;
}

/** As devd does it: my_system() of devd.cc forks, runs `/bin/sh -c COMMAND`, and waits for that child alone. */
function blockedBy(command: string, env: NodeJS.ProcessEnv): number {
  const began = performance.now();
  const { status } = spawnSync("/bin/sh", ["-c", `/bin/sh ${command}`], { env, stdio: "ignore" });
  const ms = performance.now() - began;
  if (status !== 0) throw new Error(`${command} ended with ${status}.`);
  return ms;
}

function directoriesOf(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  const { PROXYSQL_CARP_RUN_DIR, PROXYSQL_CARP_STATE_DIR } = env;
  return { PROXYSQL_CARP_RUN_DIR, PROXYSQL_CARP_STATE_DIR };
}

function spooled(nodeDir: string): number {
  try {
    return readdirSync(join(nodeDir, "state/spool")).filter((name) => name.endsWith(".event")).length;
  } catch {
    return 0;
  }
}
