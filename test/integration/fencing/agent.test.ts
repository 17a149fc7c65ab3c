import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, describe, expect, it, onTestFinished, vi } from "vitest";
import { sleep } from "../../../src/platform/clock.js";
import { type PairNode, root } from "../../support/pair/node.js";
import { isOnline, serverChanges } from "../../support/standin-control.js";
import {
  type FencedPair,
  type FencedPairOptions,
  fenceStatus,
  healthy,
  reasons,
  rows,
  startFencedPair,
  until,
} from "./harness.js";

let running: FencedPair | undefined;

afterEach(async () => {
  await running?.end();
  running = undefined;
});

async function start(options?: FencedPairOptions): Promise<FencedPair> {
  running = await startFencedPair(options);
  return running;
}

/** From now on ProxySQL writes down which servers are in effect, into this file. */
function traceServers(): string {
  const dir = mkdtempSync(join(tmpdir(), "fence-"));
  onTestFinished(() => rmSync(dir, { recursive: true, force: true }));
  onTestFinished(() => void vi.unstubAllEnvs());
  const trace = join(dir, "servers.jsonl");
  vi.stubEnv("PROXYSQL_STANDIN_SERVERS", trace);
  return trace;
}

/** Takes the table out of a node's configuration, and has that read again. */
function withoutOrchestrator(node: PairNode): void {
  const text = readFileSync(node.configFile, "utf8");
  const without = text.replace(/\n\[orchestrator\]\n[\s\S]*?(?=\n\[)/, "\n");
  expect(without).not.toContain("endpoints");
  writeFileSync(node.configFile, without);
  node.signalAgent("SIGHUP");
}

const db1 = { host: "db1", port: 3306 };
const db2 = { host: "db2", port: 3306 };
const fencedDb1 = "10 db1 OFFLINE_SOFT, 20 db1 OFFLINE_SOFT, 20 db2 ONLINE, 20 db3 ONLINE";

describe("fencing by the agent", () => {
  it("comes up fenced after ProxySQL, and after the agent, was killed", async () => {
    const { pair, orchestrator } = await start();
    const { a } = pair;
    await orchestrator.failMaster("shop", { successor: db2 });
    await until("db1 is fenced", async () => (await rows(a, "disk")) === fencedDb1);
    await a.stopAgent("SIGKILL");
    await a.killProxysql();
    await a.startProxysql();
    await until("ProxySQL answers", async () => (await rows(a)) !== "");
    expect(await rows(a)).toBe(fencedDb1);
    a.startAgent();
    await until("the agent knows", async () => (await fenceStatus(a)).fences.length === 1);
    expect((await fenceStatus(a)).fences[0]).toMatchObject({ cause: { kind: "replaced", successor: db2 } });
  });

  it("evaluates anew what a promotion puts in place: yesterday's fence is not in it", async () => {
    const { pair, orchestrator } = await start({ standby: "cold" });
    const { a, b } = pair;
    await orchestrator.beginDowntime(db1, "op", "disk", "30m");
    await until("a fences db1", async () => (await rows(a)) === fencedDb1);
    await until("b knows of it", async () => (await fenceStatus(b)).fences.length === 1);
    await orchestrator.endDowntime(db1);
    await until("a uses db1", async () => (await rows(a)) === healthy);
    await a.kill();
    b.writeRole("MASTER");
    await until("b leads", async () => (await b.status()).leads !== null);
    await until("b uses db1", async () => (await rows(b)) === healthy);
    expect((await fenceStatus(b)).fences).toEqual([]);
  });

  it("starts a cold node's ProxySQL with the fence in it, though Orchestrator is silent", async () => {
    const { pair, orchestrator } = await start({ standby: "cold", settings: ['timeout = "200ms"'] });
    const { a, b } = pair;
    await orchestrator.failMaster("shop", { successor: db2 });
    await until("a fences db1", async () => (await rows(a)).includes("10 db1 OFFLINE_SOFT"));
    await until("b knows of it", async () => (await fenceStatus(b)).fences.length === 1);
    for (const node of [0, 1, 2]) await orchestrator.killNode(node);
    await a.kill();
    b.writeRole("MASTER");
    await until("b's ProxySQL runs", async () => (await b.status()).proxysql.admin);
    expect(await rows(b)).toContain("10 db1 OFFLINE_SOFT");
    expect(await rows(b, "disk")).toContain("10 db1 OFFLINE_SOFT");
  });

  it("starts a cold node's ProxySQL with what it knows itself, when the active one died with the primary", async () => {
    const trace = traceServers();
    const { pair, orchestrator } = await start({ standby: "cold" });
    const { a, b } = pair;
    await a.cli("snapshot", "take");
    await until("b has a's configuration", async () => {
      const [taken, received] = [(await a.status()).lastTaken, (await b.status()).lastReceived];
      return received !== null && received.snapshot === taken?.snapshot;
    });
    await a.kill();
    await orchestrator.failMaster("shop", { successor: db2 });
    await until("b sees the recovery", async () => (await fenceStatus(b)).orchestrator.state === "quorum");
    await sleep(500);
    const before = serverChanges(trace).length;
    b.writeRole("MASTER");
    await until("b's ProxySQL runs", async () => (await b.status()).leads !== null);
    const since = serverChanges(trace).slice(before);
    expect(since.some((change) => isOnline(change, 20, "db2"))).toBe(true);
    expect(since.filter((change) => isOnline(change, 10, "db1"))).toEqual([]);
  });

  it("starts ProxySQL with the fence in it, though statuses are a host's own", async () => {
    const trace = traceServers();
    const { pair, orchestrator } = await start({
      standby: "cold",
      proxysql: ['keep_local = ["mysql_servers.status", "mysql-threads"]'],
    });
    const { a } = pair;
    await until("the agent has seen the servers", async () => (await rows(a)) === healthy);
    await sleep(500);
    await a.cli("maintenance", "on");
    await a.killProxysql();
    await orchestrator.beginDowntime(db1, "op", "disk", "30m");
    await until("a knows of it", async () => (await fenceStatus(a)).fences.length === 1);
    const before = serverChanges(trace).length;
    await a.cli("maintenance", "off");
    await until("ProxySQL runs again", async () => (await a.status()).proxysql.serving);
    await until("it is fenced", async () => (await rows(a)) === fencedDb1);
    const since = serverChanges(trace).slice(before);
    expect(since.length).toBeGreaterThan(0);
    expect(since.filter((change) => isOnline(change, 10, "db1"))).toEqual([]);
  });

  it("restores an older snapshot with the fence in place", async () => {
    const { pair, orchestrator } = await start();
    const { a } = pair;
    const { stdout } = await a.cli("snapshot", "list", "--json");
    const old = (JSON.parse(stdout) as { snapshots: { id: string }[] }).snapshots[0]?.id ?? "";
    await a.admin(
      "INSERT INTO mysql_servers(hostgroup_id,hostname,port) VALUES (20,'db4',3306)",
      "LOAD MYSQL SERVERS TO RUNTIME",
      "SAVE MYSQL SERVERS TO DISK",
    );
    await orchestrator.beginDowntime(db1, "op", "disk", "30m");
    await until("db1 is fenced", async () => (await rows(a)) === `${fencedDb1}, 20 db4 ONLINE`);
    await until("that is in a snapshot", async () => (await a.status()).running?.text !== undefined);
    const { code, stderr } = await a.cli("snapshot", "restore", old, "--yes");
    expect(stderr).toBe("");
    expect(code).toBe(0);
    expect(await rows(a)).toBe(fencedDb1);
    await orchestrator.endDowntime(db1);
    await until("db1 is used", async () => (await rows(a)) === healthy);
  });

  it("tells of what stays fenced without [orchestrator], and has it released by hand", async () => {
    const { pair, orchestrator } = await start();
    const { a } = pair;
    await orchestrator.beginDowntime(db1, "op", "disk", "30m");
    await until("db1 is fenced", async () => (await rows(a)) === fencedDb1);
    withoutOrchestrator(a);
    await until("it is told", async () => (await reasons(a)).includes("orchestrator-unreachable"));
    expect(await reasons(a)).toContain("server-fenced db1:3306");
    expect(await rows(a)).toBe(fencedDb1);
    expect((await a.cli("fence", "release", "db1:3306", "--force")).code).toBe(0);
    expect(await rows(a)).toBe(healthy);
    await until("nothing is told", async () => !(await reasons(a)).includes("orchestrator-unreachable"));
  });

  it("lets go what an isolation held when [orchestrator] is taken out for that", async () => {
    const { pair, orchestrator } = await start({
      settings: ['timeout = "200ms"', 'isolation_grace = "1s"'],
    });
    const { a } = pair;
    for (const node of [0, 1, 2]) await orchestrator.killNode(node);
    await until("all is held", async () => !(await rows(a)).includes("ONLINE"));
    withoutOrchestrator(a);
    await until("all is used", async () => (await rows(a)) === healthy);
  });

  it("raises what it cannot do, and what it does not know", async () => {
    const { pair, orchestrator } = await start({
      settings: ['timeout = "200ms"', 'isolation_grace = "5s"', 'on_isolation = "alert"'],
    });
    const { a } = pair;
    await a.admin(
      "INSERT INTO mysql_servers(hostgroup_id,hostname,port) VALUES (20,'db9',3306)",
      "LOAD MYSQL SERVERS TO RUNTIME",
    );
    await until(
      "db9 is not known",
      async () => (await reasons(a)).includes("server-unknown db9:3306"),
      30_000,
    );
    for (const node of [0, 1, 2]) await orchestrator.killNode(node);
    await until("it does not answer", async () => (await reasons(a)).includes("orchestrator-unreachable"));
    await until("a is isolated", async () => (await reasons(a)).includes("isolated"));
    expect((await fenceStatus(a)).isolation).toMatchObject({ kind: "orchestrator-down", action: "alert" });
    expect(await rows(a)).toContain("10 db1 ONLINE");
    for (const node of [0, 1, 2]) await orchestrator.reviveNode(node);
    await until("it answers", async () => !(await reasons(a)).includes("isolated"));
  });

  it("gives the address to nobody who sees no more than itself", async () => {
    const { pair, orchestrator } = await start({
      settings: ['timeout = "200ms"', 'isolation_grace = "1s"', 'on_isolation = "demote"'],
    });
    const { a } = pair;
    for (const node of [0, 1, 2]) await orchestrator.killNode(node);
    await until("a is isolated", async () => (await fenceStatus(a)).isolation?.kind === "orchestrator-down");
    expect((await a.status()).switchover).toBeNull();
    expect(await rows(a)).toBe(healthy);
  });
});

describe("the ways in", () => {
  it("looks at once when Orchestrator's hook calls", async () => {
    const { pair, orchestrator } = await start({ poll: "10m" });
    const { a } = pair;
    await orchestrator.beginDowntime(db1, "op", "disk", "30m");
    const env = { ORC_FAILURE_TYPE: "DeadMaster", ORC_FAILED_HOST: "db1", ORC_FAILED_PORT: "3306" };
    const hook = spawnSync(
      process.execPath,
      [join(root, "dist/cli.js"), "--config", a.configFile, "orchestrator", "hook"],
      { env, encoding: "utf8" },
    );
    expect([hook.status, hook.stdout, hook.stderr]).toEqual([0, "", ""]);
    await until("db1 is fenced", async () => (await rows(a)) === fencedDb1);
    const { stdout } = await a.cli("history", "--json");
    expect(stdout).toContain("DeadMaster");
  });

  it("never fails Orchestrator's hook, whatever is wrong here", async () => {
    const { pair } = await start();
    const { a } = pair;
    await a.stopAgent();
    for (const config of [a.configFile, "/nowhere.toml"]) {
      const hook = spawnSync(
        process.execPath,
        [join(root, "dist/cli.js"), "--config", config, "orchestrator", "hook"],
        {
          env: {},
          encoding: "utf8",
        },
      );
      expect(hook.status).toBe(0);
      expect(hook.stderr).not.toBe("");
    }
  });

  it("fences from ProxySQL's scheduler, with an agent and without, many at once", async () => {
    const { pair, orchestrator } = await start({ poll: "10m" });
    const { a } = pair;
    const once = (): ReturnType<typeof a.cli> => a.cli("fence", "run-once", "--json");
    await orchestrator.beginDowntime(db1, "op", "disk", "30m");
    const byAgent = await once();
    expect(JSON.parse(byAgent.stdout)).toMatchObject({ by: "agent", fenced: ["db1:3306"], problem: null });
    expect(await rows(a)).toBe(fencedDb1);
    await orchestrator.endDowntime(db1);
    await once();
    expect(await rows(a)).toBe(healthy);
    await a.stopAgent();
    await orchestrator.beginDowntime(db1, "op", "disk", "30m");
    const ends = await Promise.all(Array.from({ length: 6 }, once));
    expect(ends.map(({ code }) => code)).toEqual([0, 0, 0, 0, 0, 0]);
    expect(await rows(a)).toBe(fencedDb1);
    expect(await rows(a, "disk")).toBe(fencedDb1);
    a.startAgent();
    await until("the agent has taken it over", async () => (await fenceStatus(a)).fences.length === 1);
    await orchestrator.endDowntime(db1);
    await once();
    expect(await rows(a)).toBe(healthy);
  });
});
