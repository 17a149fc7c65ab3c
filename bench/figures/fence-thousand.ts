import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseConfig } from "../../src/config/load.js";
import { composeFencer } from "../../src/fence/compose.js";
import type { FencePass, Fencer } from "../../src/fence/fencer.js";
import { Journal } from "../../src/journal/journal.js";
import { AdminClient } from "../../src/proxysql/admin-client.js";
import {
  type InstanceSpec,
  type Key,
  type Orchestrator,
  startOrchestrator,
} from "../../test/support/orchestrator.js";
import { PairNode } from "../../test/support/pair/node.js";
import { until } from "../../test/support/pair/pair.js";
import { usesRealProxysql } from "../../test/support/proxysql.js";
import { adminStatements } from "../../test/support/standin-control.js";
import type { Benchmark, BenchmarkContext } from "../benchmark.js";
import { FenceRecipe } from "../fence-recipe.js";
import { type Figure, figureOf } from "../figure.js";
import { leaderOf } from "./fence-downtime.js";

const clusterSize = 10;
const servers: readonly Key[] = Array.from({ length: 1_000 }, (_, i) => ({
  host: `db${i}.example`,
  port: 3306,
}));
/** A rack with one replica of each cluster. */
const rack = servers.filter((_, i) => i % clusterSize === 1);

/** A thousand servers, of which a hundred are to be fenced at once: one pass of the fencer, from its look to its reading back. */
export const fenceThousand: Benchmark = {
  name: "fence-thousand",
  figures: ["fence-thousand", "fence-thousand-statements"],
  async run(context) {
    const dir = mkdtempSync(join(tmpdir(), "fence-"));
    context.onEnd(async () => rmSync(dir, { recursive: true, force: true }));
    const orchestrator = await startOrchestrator({ instances: servers.map(instanceOf) });
    context.onEnd(() => orchestrator.stop());
    const configuration = [
      `INSERT INTO mysql_servers(hostgroup_id,hostname,port) VALUES ${servers
        .map(({ host, port }, i) => `(${i % clusterSize === 0 ? 10 : 20},'${host}',${port})`)
        .join(",")}`,
      "LOAD MYSQL SERVERS TO RUNTIME",
      "SAVE MYSQL SERVERS TO DISK",
    ];
    const { passes, statements } = await fenceAndRelease(context, dir, orchestrator, configuration);
    const theirs = await runRecipe(context, dir, orchestrator, configuration);
    const note = `one pass for ${servers.length} servers, ${rack.length} of them downtimed at once: Orchestrator asked, ProxySQL looked at, changed, runtime and disk read back`;
    const missing = FenceRecipe.missing();
    const time = figureOf({
      name: "fence-thousand",
      unit: "ms",
      samples: passes,
      versus: { name: "proxy-oc.sh", samples: theirs },
      bound: { of: "p50", most: 500, below: true },
      note:
        missing === undefined
          ? `${note}; the recipe's time is that of its script`
          : `${note}; not compared: ${missing}`,
    });
    return [time, ...statementsFigure(statements, note)];
  },
};

/** A real ProxySQL does not tell what statements came. */
function statementsFigure(samples: readonly number[], note: string): Figure[] {
  if (usesRealProxysql) return [];
  return [
    figureOf({
      name: "fence-thousand-statements",
      unit: "statements",
      samples,
      bound: { of: "p99", most: 6 },
      note: `what ProxySQL's admin is sent in ${note}`,
    }),
  ];
}

function instanceOf(server: Key, i: number): InstanceSpec {
  const first = i - (i % clusterSize);
  const master = i === first ? null : (servers[first] ?? null);
  return { ...server, alias: `shop${first}`, master };
}

async function fenceAndRelease(
  { counts, onEnd }: BenchmarkContext,
  dir: string,
  orchestrator: Orchestrator,
  configuration: readonly string[],
): Promise<{ passes: number[]; statements: number[] }> {
  const node = await PairNode.create({ name: "t", dir: join(dir, "t"), standby: "warm", traces: true });
  onEnd(() => node.stop());
  node.configure([]);
  await node.startProxysql();
  await until("ProxySQL answers", () => node.admin("SELECT 1"));
  await node.admin(...configuration);
  const fencer = fencerOf(node, orchestrator, onEnd);
  const how: FencePass = { usable: true, savesAll: true, version: "any" };
  await fencer.pass(how);
  await fencer.prepare(how);
  const [passes, statements]: [number[], number[]] = [[], []];
  for (let i = 0; i < counts.restores; i += 1) {
    await downtimeRack(orchestrator);
    const before = adminStatements(node.statementsTrace).length;
    const began = performance.now();
    await fencer.pass(how);
    passes.push(performance.now() - began);
    statements.push(adminStatements(node.statementsTrace).length - before);
    await requireOffline(node, rack.length);
    for (const server of rack) await orchestrator.endDowntime(server);
    await fencer.pass(how);
    await requireOffline(node, 0);
  }
  return { passes, statements };
}

/** The agent's fencer, in this process, with a journal on disk. */
function fencerOf(node: PairNode, { endpoints }: Orchestrator, onEnd: BenchmarkContext["onEnd"]): Fencer {
  const passwordFile = join(node.dir, "admin.password");
  const text = [
    '[node]\nname = "t"\n[carp]\nvhids = ["9@em0"]',
    `[proxysql]\nadmin_password_file = "${passwordFile}"`,
    `[orchestrator]\nendpoints = ${JSON.stringify(endpoints)}`,
    '[[peer]]\nname = "b"\nhost = "192.0.2.12"\nkey_file = "/k"',
    `host_key = "${node.hostKey.publicLine.trim()}"`,
  ].join("\n");
  writeFileSync(passwordFile, "admin\n", { mode: 0o600 });
  const config = parseConfig(text, "bench");
  if (!config.orchestrator) throw new Error("There is no [orchestrator].");
  const admin = new AdminClient({ host: "127.0.0.1", port: node.ports.admin, user: "admin", passwordFile });
  onEnd(async () => void (await admin.end()));
  const file = join(node.dir, "state/journal.db");
  const journal = Journal.open(file, (error) => {
    throw error;
  });
  onEnd(async () => journal.close());
  const { fencer, client } = composeFencer(config, config.orchestrator, {
    admin,
    keeper: {
      file,
      read: () => journal.read("fences"),
      write: (latch) => journal.write({ fences: latch }),
    },
    exclusively: (work) => work(),
    note: (kind, detail) => journal.addNote(kind, detail),
  });
  onEnd(() => client.close());
  return fencer;
}

async function downtimeRack(orchestrator: Orchestrator): Promise<void> {
  for (const server of rack) await orchestrator.beginDowntime(server, "bench", "rack");
}

async function requireOffline(node: PairNode, wanted: number): Promise<void> {
  const sql = "SELECT count(*) FROM runtime_mysql_servers WHERE status='OFFLINE_SOFT'";
  const [[found] = []] = await node.admin(sql);
  if (Number(found) !== wanted) throw new Error(`${found} servers are OFFLINE_SOFT, not ${wanted}.`);
}

async function runRecipe(
  { counts, onEnd }: BenchmarkContext,
  dir: string,
  orchestrator: Orchestrator,
  configuration: readonly string[],
): Promise<number[]> {
  if (FenceRecipe.missing() !== undefined) return [];
  const recipe = await FenceRecipe.create(dir, await leaderOf(orchestrator), configuration);
  onEnd(() => recipe.end());
  await downtimeRack(orchestrator);
  const samples: number[] = [];
  for (let i = 0; i < Math.ceil(counts.restores / 4); i += 1) {
    samples.push(await recipe.run());
    await requireOffline(recipe.node, rack.length);
    await recipe.node.admin("UPDATE mysql_servers SET status='ONLINE'", "LOAD MYSQL SERVERS TO RUNTIME");
  }
  return samples;
}
