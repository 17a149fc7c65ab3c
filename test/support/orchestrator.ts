import { type ChildProcess, spawn } from "node:child_process";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { request } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import type {
  Authentication,
  ElectionTimes,
  FailedMaster,
  InstanceSpec,
  Key,
  Misbehaviour,
  NodeReport,
  NodeSpec,
  Operations,
  Reach,
  StandinOptions,
} from "./orchestrator-standin/protocol.js";
import { projectRoot } from "./orchestrator-standin/recorded.js";
import { freePort } from "./proxysql.js";

export type {
  Authentication,
  FailedMaster,
  InstanceSpec,
  Key,
  Misbehaviour,
  NodeReport,
} from "./orchestrator-standin/protocol.js";

export interface OrchestratorStart {
  /** How many on free ports of 127.0.0.1, or where. Default 3. */
  readonly nodes?: number | readonly NodeSpec[];
  /** false: one node without raft. Default true. */
  readonly raft?: boolean;
  readonly auth?: Authentication;
  /** Paths of a certificate and its key in PEM. */
  readonly tls?: { readonly cert: string; readonly key: string };
  /** URLPrefix, such as `/orc`. */
  readonly prefix?: string;
  /** Default: as measured, 1.1 s of 502 and then 1.7 s without a leader. */
  readonly election?: ElectionTimes;
  /** Default 60 s, as the real one. */
  readonly lostInRecoveryMs?: number;
  /** Words before the program, such as `ip netns exec NAME`. */
  readonly within?: readonly string[];
  readonly instances?: readonly InstanceSpec[];
}

/** A running Orchestrator stand-in. Nodes are counted from 0; the first one leads at the start. */
export interface Orchestrator {
  /** What goes into [orchestrator] endpoints. */
  readonly endpoints: readonly string[];
  readonly process: ChildProcess;
  setTopology(instances: readonly InstanceSpec[]): Promise<void>;
  /** What a server does now: it dies, lives, follows another one, becomes writable. */
  setInstance(key: Key, change: Partial<Omit<InstanceSpec, "host" | "port">>): Promise<void>;
  /** The master dies and is recovered: its successor is promoted, and the leader alone has it as lost-in-recovery. */
  failMaster(alias: string, options?: { recover?: boolean; successor?: Key }): Promise<FailedMaster>;
  /** The test itself has promoted a server: what Orchestrator knows of such a recovery afterwards. Returns its uid. */
  recordRecovery(failed: Key, successor: Key): Promise<string>;
  addRecoveries(count: number, failed: Key, successor: Key, alias: string): Promise<void>;
  loseInRecovery(key: Key): Promise<void>;
  killNode(node: number): Promise<void>;
  reviveNode(node: number): Promise<void>;
  /** These are cut off from the other nodes and still answer; `[]` heals. */
  minority(nodes: readonly number[]): Promise<void>;
  setElection(times: ElectionTimes): Promise<void>;
  misbehave(node: number, how: Misbehaviour | null, reach?: Reach): Promise<void>;
  setAuthentication(auth: Authentication): Promise<void>;
  /** By the API of the leader, as an operator would. Duration such as `30m`. */
  beginDowntime(key: Key, owner: string, reason: string, duration?: string): Promise<void>;
  endDowntime(key: Key): Promise<void>;
  gracefulTakeover(alias: string, successor?: Key): Promise<void>;
  report(): Promise<readonly NodeReport[]>;
  /** Index of the leader, once somebody leads. */
  leader(ms?: number): Promise<number>;
  stop(): Promise<void>;
}

const root = projectRoot();
const program = join(root, "build", "test", "support", "orchestrator-standin", "main.js");
const startMs = 10_000;

/** Three servers of one cluster `alias`, the first one master: the topology of most tests. */
export function threeServers(alias = "shop", ports: readonly number[] = [3306, 3306, 3306]): InstanceSpec[] {
  const keys = ports.map((port, index) => ({ host: `db${index + 1}`, port }));
  return keys.map((key, index) => ({ ...key, alias, ...(index === 0 ? {} : { master: keys[0] as Key }) }));
}

/** Starts the stand-in and waits until its nodes listen. It ends with this process. */
export async function startOrchestrator(start: OrchestratorStart = {}): Promise<Orchestrator> {
  if (!existsSync(program)) throw new Error(`${program} is missing: run npm run build`);
  const { nodes = 3, raft = true, prefix = "", auth = { kind: "none" }, tls, election = {} } = start;
  // Short on purpose: a Unix socket's path has room for 104 bytes on FreeBSD.
  const dir = mkdtempSync(join(tmpdir(), "orc-"));
  const options: StandinOptions = {
    nodes: typeof nodes === "number" ? await onFreePorts(nodes) : nodes,
    raft,
    control: join(dir, "control"),
    auth,
    ...(tls === undefined ? {} : { tls }),
    prefix,
    election,
    lostInRecoveryMs: start.lostInRecoveryMs ?? 60_000,
  };
  const [first = process.execPath, ...words] = [...(start.within ?? []), process.execPath, program];
  const child = spawn(first, [...words, JSON.stringify(options)], { stdio: ["pipe", "pipe", "pipe"] });
  await untilReady(child);
  const orchestrator = new Controlled(child, options, dir);
  if (start.instances !== undefined) await orchestrator.setTopology(start.instances);
  return orchestrator;
}

async function onFreePorts(count: number): Promise<NodeSpec[]> {
  const nodes: NodeSpec[] = [];
  for (let index = 0; index < count; index += 1) nodes.push({ host: "127.0.0.1", port: await freePort() });
  return nodes;
}

async function untilReady(child: ChildProcess): Promise<void> {
  const endWithParent = (): void => void child.kill("SIGKILL");
  process.once("exit", endWithParent);
  child.once("exit", () => process.removeListener("exit", endWithParent));
  let said = "";
  child.stderr?.on("data", (chunk: Buffer) => {
    said += chunk.toString();
  });
  await new Promise<void>((resolve, reject) => {
    const fail = (why: string): void => reject(new Error(`the Orchestrator stand-in ${why}: ${said}`));
    const timer = setTimeout(() => fail("does not start"), startMs);
    child.once("exit", (code) => fail(`ended with ${code}`));
    child.once("error", reject);
    child.stdout?.once("data", () => {
      clearTimeout(timer);
      resolve();
    });
  });
}

class Controlled implements Orchestrator {
  readonly process: ChildProcess;
  readonly endpoints: readonly string[];
  readonly #options: StandinOptions;
  readonly #dir: string;

  constructor(child: ChildProcess, options: StandinOptions, dir: string) {
    this.process = child;
    this.#options = options;
    this.#dir = dir;
    const scheme = options.tls === undefined ? "http" : "https";
    this.endpoints = options.nodes.map(({ host, port }) => `${scheme}://${host}:${port}${options.prefix}`);
  }

  async setTopology(instances: readonly InstanceSpec[]): Promise<void> {
    await this.#control("setTopology", { instances });
  }

  async setInstance(key: Key, change: Partial<InstanceSpec>): Promise<void> {
    await this.#control("setInstance", { key, change });
  }

  failMaster(alias: string, options: { recover?: boolean; successor?: Key } = {}): Promise<FailedMaster> {
    return this.#control("failMaster", { alias, recover: true, ...options });
  }

  recordRecovery(failed: Key, successor: Key): Promise<string> {
    return this.#control("recordRecovery", { failed, successor });
  }

  async addRecoveries(count: number, failed: Key, successor: Key, alias: string): Promise<void> {
    await this.#control("addRecoveries", { count, failed, successor, alias });
  }

  async loseInRecovery(key: Key): Promise<void> {
    await this.#control("loseInRecovery", { key });
  }

  async killNode(node: number): Promise<void> {
    await this.#control("killNode", { node });
  }

  async reviveNode(node: number): Promise<void> {
    await this.#control("reviveNode", { node });
  }

  async minority(nodes: readonly number[]): Promise<void> {
    await this.#control("minority", { nodes });
  }

  async setElection(times: ElectionTimes): Promise<void> {
    await this.#control("setElection", times);
  }

  async misbehave(node: number, how: Misbehaviour | null, reach?: Reach): Promise<void> {
    await this.#control("misbehave", { node, how, ...(reach === undefined ? {} : { reach }) });
  }

  async setAuthentication(auth: Authentication): Promise<void> {
    await this.#control("setAuthentication", auth);
  }

  async beginDowntime(key: Key, owner: string, reason: string, duration = "1h"): Promise<void> {
    await this.#api("begin-downtime", key.host, key.port, owner, reason, duration);
  }

  async endDowntime(key: Key): Promise<void> {
    await this.#api("end-downtime", key.host, key.port);
  }

  async gracefulTakeover(alias: string, successor?: Key): Promise<void> {
    const to = successor === undefined ? [] : [successor.host, successor.port];
    await this.#api("graceful-master-takeover-auto", alias, ...to);
  }

  report(): Promise<readonly NodeReport[]> {
    return this.#control("report", {});
  }

  async leader(ms = 20_000): Promise<number> {
    const end = Date.now() + ms;
    while (Date.now() < end) {
      const leads = (await this.report()).findIndex(({ alive, state }) => alive && state === "Leader");
      if (leads >= 0) return leads;
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    throw new Error(`nobody leads within ${ms} ms`);
  }

  async stop(): Promise<void> {
    const ended = new Promise<void>((resolve) => this.process.once("exit", () => resolve()));
    if (this.process.exitCode === null && this.process.signalCode === null) {
      this.process.stdin?.end();
      await ended;
    }
    rmSync(this.#dir, { recursive: true, force: true });
  }

  async #api(...parts: readonly (string | number)[]): Promise<void> {
    await this.#control("call", { path: parts.map((part) => encodeURIComponent(part)).join("/") });
  }

  async #control<Name extends keyof Operations>(
    name: Name,
    parameters: Parameters<Operations[Name]>[0],
  ): Promise<ReturnType<Operations[Name]>> {
    const { status, body } = await post(this.#options.control, `/${name}`, JSON.stringify(parameters));
    if (status !== 200) throw new Error(`Orchestrator stand-in, ${name}: ${body}`);
    return JSON.parse(body) as ReturnType<Operations[Name]>;
  }
}

function post(socketPath: string, path: string, body: string): Promise<{ status: number; body: string }> {
  return new Promise((resolve, reject) => {
    const sending = request({ socketPath, path, method: "POST", timeout: startMs }, (response) => {
      text(response).then((said) => resolve({ status: response.statusCode ?? 0, body: said }), reject);
    });
    sending.once("timeout", () => sending.destroy(new Error("the Orchestrator stand-in does not answer")));
    sending.once("error", reject);
    sending.end(body);
  });
}
