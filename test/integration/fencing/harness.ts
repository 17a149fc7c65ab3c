import type { FenceDocument } from "../../../src/fence/document.js";
import {
  type Orchestrator,
  type OrchestratorStart,
  startOrchestrator,
  threeServers,
} from "../../support/orchestrator.js";
import type { PairNode } from "../../support/pair/node.js";
import { type Pair, until } from "../../support/pair/pair.js";
import { startPair } from "../agent/harness.js";

export { until } from "../../support/pair/pair.js";

export const writers = 10;
export const readers = 20;

export interface FencedPair {
  readonly pair: Pair;
  readonly orchestrator: Orchestrator;
  end(): Promise<void>;
}

export interface FencedPairOptions {
  readonly standby?: "warm" | "cold";
  readonly orchestrator?: OrchestratorStart;
  /** More lines of [orchestrator] and of [fence]. */
  readonly settings?: readonly string[];
  readonly poll?: string;
  /** More lines of [proxysql]. */
  readonly proxysql?: readonly string[];
  readonly fence?: readonly string[];
}

/** A pair that asks Orchestrator, with a primary db1 and two replicas of it behind it. */
export async function startFencedPair(options: FencedPairOptions = {}): Promise<FencedPair> {
  const { standby = "warm", settings = [], fence = [], poll = "200ms", proxysql = [] } = options;
  const orchestrator = await startOrchestrator({ instances: threeServers(), ...options.orchestrator });
  try {
    const pair = await startPair({
      standby,
      extra: {
        orchestrator: [
          `endpoints = ${JSON.stringify(orchestrator.endpoints)}`,
          `poll = "${poll}"`,
          ...settings,
        ],
        fence: [...fence],
        proxysql,
      },
    });
    const end = async (): Promise<void> => {
      await Promise.all([pair.end(), orchestrator.stop()]);
    };
    try {
      await addServers(pair.a);
      await until(
        "the passive node has the servers",
        async () => standby === "cold" || (await rows(pair.b)) === healthy,
      );
      return { pair, orchestrator, end };
    } catch (error) {
      await end();
      throw error;
    }
  } catch (error) {
    await orchestrator.stop();
    throw error;
  }
}

/** As `rows` tells it: db1 writes and reads, the others read. */
export const healthy = "10 db1 ONLINE, 20 db1 ONLINE, 20 db2 ONLINE, 20 db3 ONLINE";

export async function addServers(node: PairNode): Promise<void> {
  await node.admin(
    `INSERT INTO mysql_replication_hostgroups(writer_hostgroup,reader_hostgroup,comment) VALUES (${writers},${readers},'shop')`,
    `INSERT INTO mysql_servers(hostgroup_id,hostname,port,comment) VALUES (${writers},'db1',3306,'mine'),(${readers},'db1',3306,''),(${readers},'db2',3306,''),(${readers},'db3',3306,'')`,
    "LOAD MYSQL SERVERS TO RUNTIME",
    "SAVE MYSQL SERVERS TO DISK",
  );
}

/** `10 db1 ONLINE, 20 db2 OFFLINE_SOFT`: the servers of a layer. */
export async function rows(node: PairNode, layer: "runtime" | "main" | "disk" = "runtime"): Promise<string> {
  const table = layer === "runtime" ? "runtime_mysql_servers" : `${layer}.mysql_servers`;
  const found = await node.admin(`SELECT hostgroup_id, hostname, status FROM ${table} ORDER BY 1, 2`);
  return found.map((row) => row.join(" ")).join(", ");
}

export async function fenceStatus(node: PairNode): Promise<FenceDocument> {
  const { code, stdout, stderr } = await node.cli("fence", "status", "--json");
  if (code !== 0) throw new Error(`fence status ended with ${code}: ${stderr}`);
  return JSON.parse(stdout) as FenceDocument;
}

/** Codes and what they are about: `server-fenced db1:3306`. */
export async function reasons(node: PairNode): Promise<string[]> {
  return (await node.status()).reasons.map(({ code, about }) => (about === null ? code : `${code} ${about}`));
}
