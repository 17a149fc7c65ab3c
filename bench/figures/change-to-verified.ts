import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { parseManifest } from "../../src/snapshot/manifest-file.js";
import { connectAdmin } from "../../test/support/admin-client.js";
import type { PairNode } from "../../test/support/pair/node.js";
import { makeKeyPair } from "../../test/support/ssh-keys.js";
import { sshdMissing, startSshd } from "../../test/support/sshd.js";
import type { Benchmark, BenchmarkContext } from "../benchmark.js";
import { figureOf } from "../figure.js";
import { Recipe } from "../recipe.js";
import { startPair } from "../running-pair.js";
import { timeUntil } from "../waiting.js";

/** What cron adds: a change waits for the next full minute, 30 s in the middle, 60 s at worst. */
const cronMeanMs = 30_000;

/** From the moment `SAVE ... TO DISK` returned on the active node until the snapshot of it lies in the peer's inbox. */
export const changeToVerified: Benchmark = {
  name: "change-to-verified",
  figures: ["change-to-verified"],
  async run(context) {
    const pair = await startPair({ standby: "warm" });
    context.onEnd(() => pair.end());
    const theirs = await recipeShipment(context, pair.a, pair.dir);
    const ours: number[] = [];
    const scripts: number[] = [];
    const admin = await connectAdmin({ port: pair.a.ports.admin });
    context.onEnd(async () => admin.close());
    for (let i = 0; i < context.counts.changes; i += 1) {
      await admin.run(
        `INSERT INTO mysql_servers(hostgroup_id,hostname,port) VALUES (20,'new${i}.example',3306)`,
      );
      await admin.run("LOAD MYSQL SERVERS TO RUNTIME");
      const [[rows = null] = []] = await admin.rows("SELECT count(*) FROM mysql_servers");
      await admin.run("SAVE MYSQL SERVERS TO DISK");
      const began = performance.now();
      ours.push(
        await timeUntil("the change is verified on the peer", began, async () =>
          holds(pair.b, "mysql_servers", Number(rows)),
        ),
      );
      if (theirs.ship !== undefined) scripts.push(await theirs.ship());
      // Changes come at any moment between two looks of the agent.
      await sleep(300 + Math.random() * 500);
    }
    const name = "psqlbkp.sh + the mean wait for cron";
    const note =
      theirs.ship === undefined
        ? `not compared: ${theirs.missing}`
        : `psqlbkp.sh itself was measured over OpenSSH; 30 s of the recipe's time are the mean wait for cron's minute (worst: 60 s)`;
    return [
      figureOf({
        name: "change-to-verified",
        unit: "ms",
        samples: ours,
        versus: { name, samples: scripts.map((ms) => ms + cronMeanMs) },
        bound: { of: "p50", most: 1_000, below: true },
        note,
      }),
    ];
  },
};

/** True if a snapshot with this many rows lies in the node's inbox. What is there under its own name was verified. */
function holds(node: PairNode, table: string, rows: number): boolean {
  const inbox = join(node.dir, "state/inbox");
  const newest = readdirSync(inbox)
    .filter((name) => !name.startsWith("."))
    .sort()
    .at(-1);
  if (newest === undefined) return false;
  const read = parseManifest(JSON.parse(readFileSync(join(inbox, newest, "manifest.json"), "utf8")));
  return "manifest" in read && read.manifest.tables[table]?.rows === rows;
}

/** Lets the recipe ship the active node's database to a real sshd with scp, as from cron. */
async function recipeShipment(
  { onEnd }: BenchmarkContext,
  active: PairNode,
  dir: string,
): Promise<{ readonly ship?: () => Promise<number>; readonly missing?: string | undefined }> {
  const missing = Recipe.missing() ?? sshdMissing();
  if (missing !== undefined) return { missing };
  const recipe = await Recipe.create(dir);
  onEnd(() => recipe.end());
  const home = join(dir, "recipe-sshd");
  const inbox = join(home, "in");
  mkdirSync(inbox, { recursive: true });
  const hostKey = makeKeyPair(join(home, "host_key"));
  const userKey = makeKeyPair(join(home, "user_key"));
  const sshd = await startSshd({
    dir: home,
    hostKeyFile: hostKey.file,
    authorizedKey: userKey.publicLine.trim(),
    command: `scp -t ${inbox}`,
  });
  onEnd(() => sshd.stop());
  const knownHosts = join(home, "known_hosts");
  writeFileSync(knownHosts, `[127.0.0.1]:${sshd.port} ${hostKey.publicLine.trim()}\n`);
  const options = [
    "BatchMode=yes",
    "IdentitiesOnly=yes",
    `UserKnownHostsFile=${knownHosts}`,
    `IdentityFile=${userKey.file}`,
  ];
  // -O: the forced command of the test's sshd speaks the protocol that scp had before it took to SFTP.
  const scp = `scp -q -O -F /dev/null -P ${sshd.port} ${options.map((option) => `-o ${option}`).join(" ")}`;
  return { ship: () => recipe.ship({ datadir: join(active.dir, "proxysql"), scp, inbox }) };
}
