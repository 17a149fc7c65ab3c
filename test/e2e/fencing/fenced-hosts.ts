import { spawn } from "node:child_process";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, describe } from "vitest";
import type { FenceDocument } from "../../../src/fence/document.js";
import { adminQuery, type Host } from "../../support/host/host.js";
import { hostOf, type Lab, type LabOptions, shopDatabase, startAll } from "../../support/host/netns.js";
import { addPort, type Port, processesOf, setReachable } from "../../support/host/network.js";
import { patience, waitUntilLeading, waitUntilStandingBy } from "../../support/host/pair.js";
import { describeHosts } from "../../support/host/suite.js";
import { askAgent } from "../../support/host/switchover.js";
import { waitFor } from "../../support/host/wait.js";
import { type Orchestrator, startOrchestrator } from "../../support/orchestrator.js";
import type { Key } from "../../support/orchestrator-standin/protocol.js";
import { usesRealProxysql } from "../../support/proxysql.js";
import { adminStatements, type ServerChange, serverChanges } from "../../support/standin-control.js";

export const shop = "db1.example db2.example db3.example";
export const [db1, db2, db3] = ["db1", "db2", "db3"].map((name) => ({
  host: `${name}.example`,
  port: 3306,
})) as [Key, Key, Key];
/** As `rowsOf` tells it: db1 writes, the others are read from. */
export const healthy = "10 db1 ONLINE, 20 db2 ONLINE, 20 db3 ONLINE";
export const fencedDb1 = "10 db1 OFFLINE_SOFT, 20 db2 ONLINE, 20 db3 ONLINE";
export const allFenced = "10 db1 OFFLINE_SOFT, 20 db2 OFFLINE_SOFT, 20 db3 OFFLINE_SOFT";

/** Until a node takes itself for isolated. */
export const graceMs = 3_000;

const orchestratorAddress = "192.0.2.70";
const orchestratorPorts = [3000, 3001, 3002];
const witnessPort = 7777;

/** A pair, Orchestrator on a host of its own beside it, and a host that accepts connections and does nothing else. */
export interface FencedHosts {
  readonly lab: Lab;
  readonly a: Host;
  readonly b: Host;
  readonly orchestrator: Orchestrator;
  /** Cuts a host off from Orchestrator, and from the witness; or heals that. */
  cutOff(host: Host, cut: boolean, from?: readonly ("orchestrator" | "witness")[]): void;
  killOrchestrator(): Promise<void>;
  reviveOrchestrator(): Promise<void>;
}

export interface FencedHostsOptions {
  readonly standby: "warm" | "cold";
  /** More lines of [orchestrator]. */
  readonly orchestrator?: readonly string[];
  readonly fence?: string;
  readonly carp?: string;
  readonly preempt?: boolean;
}

/** Starts all of it: a leads, b stands by, all servers are in use. */
async function startFencedHosts(
  makeLab: (options: LabOptions) => Lab,
  { standby, orchestrator: lines = [], fence, carp = "", preempt = false }: FencedHostsOptions,
  onStarted: (orchestrator: Orchestrator) => void,
): Promise<FencedHosts> {
  const endpoints = orchestratorPorts.map((port) => `http://${orchestratorAddress}:${port}`);
  const lab = makeLab({
    standby,
    preempt,
    databases: [shopDatabase],
    more: {
      carp,
      alerts: 'command = ["/bin/sh", "-c", "cat >>@ROOT@/alerts"]',
      orchestrator: [
        `endpoints = ${JSON.stringify(endpoints)}`,
        'poll = "200ms"',
        'timeout = "500ms"',
        `isolation_grace = "${graceMs}ms"`,
        ...lines,
      ].join("\n"),
      ...(fence === undefined ? {} : { fence }),
    },
  });
  const [a, b] = [hostOf(lab, "a"), hostOf(lab, "b")];
  for (const { places } of [a, b])
    writeFileSync(places.config, readFileSync(places.config, "utf8").replaceAll("@ROOT@", places.root));
  const ports = {
    orchestrator: addPort(lab.network, "orchestrator", orchestratorAddress, {}),
    witness: addPort(lab.network, "witness", witnessAddress, {}),
  };
  await startWitness(ports.witness);
  const orchestrator = await startOrchestrator({
    nodes: orchestratorPorts.map((port) => ({ host: orchestratorAddress, port })),
    within: ["ip", "netns", "exec", ports.orchestrator.namespace],
    instances: [db1, { ...db2, master: db1 }, { ...db3, master: db1 }].map((one) => ({
      ...one,
      alias: "shop",
    })),
  });
  onStarted(orchestrator);
  await startAll(lab);
  await waitUntilLeading(a, shop);
  await waitUntilStandingBy(b, a, shop);
  await waitUntilRows(a, healthy);
  await waitFor(
    "a sees the quorum",
    async () => (await fencesOf(a)).orchestrator.state === "quorum",
    patience,
  );
  return {
    lab,
    a,
    b,
    orchestrator,
    cutOff: (host, cut, from = ["orchestrator", "witness"]) => {
      for (const one of from) setReachable(host.port, ports[one], !cut);
    },
    killOrchestrator: async () => {
      for (const node of orchestratorPorts.keys()) await orchestrator.killNode(node);
    },
    reviveOrchestrator: async () => {
      for (const node of orchestratorPorts.keys()) await orchestrator.reviveNode(node);
      await orchestrator.leader();
    },
  };
}

const witnessAddress = "192.0.2.71";
/** A line of [orchestrator]. */
export const witnesses = `witnesses = ["${witnessAddress}:${witnessPort}"]`;

/** Ends with the lab, as everything in its namespaces. */
async function startWitness({ namespace, address }: Port): Promise<void> {
  const inside = ["netns", "exec", namespace, "nc", "-l", "-k", address, String(witnessPort)];
  spawn("ip", inside, { stdio: "ignore" });
  await waitFor("the witness runs", () => processesOf(namespace).length > 0);
}

/**
 * A suite of hosts that ask Orchestrator: see `describeHosts`. It reads what ProxySQL's stand-in wrote down of its
 * servers, so it is skipped with the real one.
 */
export function describeFencedHosts(
  title: string,
  define: (start: (options: FencedHostsOptions) => Promise<FencedHosts>) => void,
): void {
  const shown = usesRealProxysql
    ? `${title} (skipped with PROXYSQL_BIN: it keeps no trace of its servers)`
    : title;
  describe.skipIf(usesRealProxysql)(shown, () => {
    describeHosts("on hosts of their own", (makeLab) => {
      const started: Orchestrator[] = [];
      define((options) => startFencedHosts(makeLab, options, (one) => started.push(one)));
      afterAll(async () => {
        for (const orchestrator of started) await orchestrator.stop();
      });
    });
  });
}

/** `10 db1 ONLINE, 20 db2 OFFLINE_SOFT`: the servers of a layer, by the first part of their names. */
export async function rowsOf(host: Host, layer: "runtime" | "main" | "disk" = "runtime"): Promise<string> {
  const table = layer === "runtime" ? "runtime_mysql_servers" : `${layer}.mysql_servers`;
  const rows = await adminQuery(host, `SELECT hostgroup_id, hostname, status FROM ${table} ORDER BY 1, 2`);
  return rows
    .map(({ hostgroup_id, hostname, status }) => `${hostgroup_id} ${hostname?.split(".")[0]} ${status}`)
    .join(", ");
}

/** Waits until ProxySQL's servers are these, in runtime and on disk. */
export async function waitUntilRows(host: Host, wanted: string): Promise<void> {
  await waitFor(
    `${host.name} has ${wanted}`,
    async () => {
      const found = [await rowsOf(host), await rowsOf(host, "disk")];
      if (found.some((one) => one !== wanted)) throw new Error(found.join(" / on disk: "));
      return true;
    },
    patience,
    100,
  );
}

/** The document of `fence status --json`, from the agent's socket. */
export async function fencesOf(host: Host): Promise<FenceDocument> {
  const answer = await askAgent(host, { op: "fence-status" });
  if (answer.ok !== true) throw new Error(JSON.stringify(answer));
  return answer.fence as FenceDocument;
}

/** Waits until the agent holds a fence on exactly these servers. */
export async function waitUntilFenced(host: Host, ...servers: readonly Key[]): Promise<void> {
  const wanted = servers.map((one) => one.host).join(" ");
  await waitFor(
    `${host.name} fences ${wanted || "nobody"}`,
    async () => {
      const found = (await fencesOf(host)).fences.map(({ server }) => server.host).join(" ");
      if (found !== wanted) throw new Error(`it fences ${found}`);
      return true;
    },
    patience,
    100,
  );
}

/** What happened to the host's servers since its ProxySQL ran for the first time. */
export function changesOf(host: Host): ServerChange[] {
  return serverChanges(host.places.serversTrace);
}

/** `10 db1.example`: rows that were ONLINE at some time in these changes. */
export function usedIn(changes: readonly ServerChange[]): string[] {
  const online = changes
    .flatMap(({ rows }) => rows)
    .filter(({ status }) => status === "ONLINE")
    .map(({ hostgroup, host }) => `${hostgroup} ${host}`);
  return [...new Set(online)].sort();
}

/** Waits until a statement with this in it has come to the host's admin since then (ms since 1970). */
export async function waitForStatement(host: Host, part: string, since: number): Promise<void> {
  await waitFor(
    `${part} comes to ${host.name}`,
    () =>
      adminStatements(host.places.statementsTrace).some(
        ({ time, text }) => time >= since && text.includes(part),
      ),
    patience,
    20,
  );
}

/** The sentences of a reason, as the operator's hook was told them. */
export function alertsOf(host: Host, code: string, event: "raised" | "cleared" = "raised"): string[] {
  const file = join(host.places.root, "alerts");
  if (!existsSync(file)) return [];
  const told = readFileSync(file, "utf8")
    .split("\n")
    .slice(0, -1)
    .map((line) => JSON.parse(line) as { event: string; reason: { code: string; sentence: string } });
  return told
    .filter((one) => one.event === event && one.reason.code === code)
    .map(({ reason }) => reason.sentence);
}
