import { spawnSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { HistoryDocument } from "../../../src/journal/history.js";
import type { PairNode } from "../../support/pair/node.js";
import { createPair, type Pair, until } from "../../support/pair/pair.js";
import { freePort } from "../../support/proxysql.js";
import { leads } from "../agent/harness.js";

const has = (program: string): boolean => spawnSync(program, ["--version"]).error === undefined;
const noCurl = has("curl") ? "" : " (skipped: curl is missing: apt-get install curl)";
const noPromtool = has("promtool") ? "" : " (skipped: promtool is missing: apt-get install prometheus)";

interface Answer {
  readonly status: number;
  readonly type: string;
  readonly body: string;
}

/** As an operator or a script asks: by curl. */
async function curl(node: PairNode, port: number, path: string, ...more: string[]): Promise<Answer> {
  const format = "\n%{http_code} %{content_type}";
  const args = ["-sS", "-m", "20", "-w", format, ...more, `http://127.0.0.1:${port}${path}`];
  const { stdout, stderr } = await node.run("curl", args);
  const [, body = "", code = "", type = ""] = /^([\s\S]*)\n(\d{3}) ?(.*)$/.exec(stdout) ?? [];
  if (code === "" || code === "000") throw new Error(`curl ${path}: ${stderr}`);
  return { status: Number(code), type: type.split(";")[0] ?? "", body };
}

describe.skipIf(noCurl !== "")(`the page of a real agent${noCurl}`, () => {
  let pair: Pair;
  let a: PairNode;
  let b: PairNode;
  const ports = { a: 0, b: 0 };

  beforeAll(async () => {
    ports.a = await freePort();
    ports.b = await freePort();
    pair = await createPair({ standby: "warm", extra: { http: [`listen = "127.0.0.1:${ports.a}"`] } });
    ({ a, b } = pair);
    const config = readFileSync(b.configFile, "utf8");
    writeFileSync(b.configFile, config.replace(`"127.0.0.1:${ports.a}"`, `"127.0.0.1:${ports.b}"`));
    await Promise.all([a.startSsh(b), b.startSsh(a), a.startProxysql(), b.startProxysql()]);
    await until("both ProxySQL answer", async () => {
      await Promise.all([a.admin("SELECT 1"), b.admin("SELECT 1")]);
      return true;
    });
    a.writeRole("MASTER");
    a.startAgent();
    b.startAgent();
    await until("a leads", () => leads(a), 60_000);
    await until("b has the first snapshot", async () => (await b.status()).lastReceived !== null, 60_000);
  });

  afterAll(() => pair?.end());

  /** Waits until a node says that it has no reason, and tells which it has if it does not. */
  async function untilReady(node: PairNode, port: number): Promise<void> {
    await until(
      `${node.name} is ready`,
      async () => {
        const { body } = await curl(node, port, "/readyz");
        if (!(JSON.parse(body) as { ready: boolean }).ready) throw new Error(body);
        return true;
      },
      60_000,
    );
  }

  it("tells role, life and readiness of both nodes", async () => {
    await untilReady(a, ports.a);
    await untilReady(b, ports.b);
    expect(await curl(a, ports.a, "/role")).toMatchObject({ status: 200, body: "MASTER\n" });
    expect(await curl(b, ports.b, "/role")).toMatchObject({ status: 503, body: "BACKUP\n" });
    expect(await curl(a, ports.a, "/healthz")).toMatchObject({ status: 200, body: '{"ok":true,"why":null}' });
    expect((await curl(a, ports.a, "/readyz")).status).toBe(200);
  });

  it("gives what status and history give", async () => {
    const status = JSON.parse((await curl(a, ports.a, "/api/v1/status")).body) as Record<string, unknown>;
    const told = JSON.parse((await a.cli("status", "--json")).stdout) as Record<string, unknown>;
    for (const field of ["node", "role", "leads", "running", "standby", "vhids", "reasons"])
      expect(status[field]).toEqual(told[field]);
    expect(Object.keys(status)).toEqual(Object.keys(told));

    const history = JSON.parse((await curl(a, ports.a, "/api/v1/history")).body) as HistoryDocument;
    const transition = history.entries.find(({ kind }) => kind === "transition")?.transition;
    expect(transition).toMatchObject({ role: "MASTER", outcome: "done" });
    expect(transition?.steps.map(({ step }) => step)).toContain("open-epoch");
    const { entries } = JSON.parse((await a.cli("history", "--json")).stdout) as HistoryDocument;
    expect(entries).toEqual(history.entries);
  });

  it("shows a page", async () => {
    const { status, type, body } = await curl(a, ports.a, "/");
    expect([status, type]).toEqual([200, "text/html"]);
    expect(body).toContain("MASTER, ready");
    expect(body).toContain("<h2>Peer b</h2>");
  });

  it.skipIf(noPromtool !== "")(`gives metrics that promtool likes${noPromtool}`, async () => {
    const { body } = await curl(a, ports.a, "/metrics");
    const { status, stdout, stderr } = spawnSync("promtool", ["check", "metrics"], {
      input: body,
      encoding: "utf8",
    });
    expect({ status, output: stdout + stderr }).toEqual({ status: 0, output: "" });
  });

  it("counts what was done", async () => {
    const { body } = await curl(a, ports.a, "/metrics");
    for (const line of [
      'proxysql_carp_role{vhid="9@em0",role="MASTER"} 1',
      "proxysql_carp_leading 1",
      "proxysql_carp_proxysql_serving 1",
      'proxysql_carp_peer_up{peer="b"} 1',
      'proxysql_carp_peer_lag_seconds{peer="b"} 0',
      'proxysql_carp_transitions_total{role="MASTER"} 1',
    ])
      expect(body.split("\n")).toContain(line);
    expect(body).toMatch(/^proxysql_carp_snapshots_total\{event="shipped"\} [1-9]/m);
  });

  it("says in a plugin's line that all is well, from both nodes", async () => {
    const [ofA, ofB] = await Promise.all([a.cli("check"), b.cli("check", "--group", "peer")]);
    expect(ofA).toMatchObject({ code: 0, stderr: "" });
    expect(ofA.stdout).toMatch(/^PROXYSQL-CARP OK - MASTER, serving \d+\.\d+@a, peer b has it \| \S.*\n$/);
    expect(ofB).toMatchObject({ code: 0, stderr: "" });
    expect(ofB.stdout).toMatch(/^PROXYSQL-CARP OK - peer: BACKUP, serving \d+\.\d+@a, peer a is MASTER \| /);
    expect(await a.cli("reasons")).toMatchObject({ code: 0, stderr: "" });
  });

  it("tells of a peer that is gone on every way, and of its return", async () => {
    await b.kill();
    await until("a is not ready", async () => (await curl(a, ports.a, "/readyz")).status === 503, 60_000);
    const reasons = await a.cli("reasons");
    expect(reasons).toMatchObject({ code: 1, stderr: "" });
    expect(reasons.stdout).toMatch(/^peer-unreachable \(b\): critical, since /m);
    expect(await a.cli("check", "--group", "peer")).toMatchObject({
      code: 2,
      stdout: expect.stringMatching(/^PROXYSQL-CARP CRITICAL - peer: peer-unreachable \(b\): .*\n$/),
    });
    expect((await a.cli("check", "--group", "host")).code).toBe(0);
    expect((await curl(a, ports.a, "/")).body).toContain("MASTER, not ready");
    expect((await curl(a, ports.a, "/metrics")).body).toContain("proxysql_carp_ready 0");
    expect((await curl(a, ports.a, "/healthz")).status).toBe(200);

    await b.startProxysql();
    await b.startSsh(a);
    b.startAgent();
    await untilReady(a, ports.a);
    expect((await a.cli("check")).code).toBe(0);
  });

  it("runs without its page when the port is taken, says so, and takes the port when it is free", async () => {
    await b.stopAgent();
    const thief = createServer().listen(ports.b, "127.0.0.1");
    await new Promise((resolve) => thief.once("listening", resolve));
    b.startAgent();
    const codes = async (): Promise<string[]> => (await b.status()).reasons.map(({ code }) => code);
    await until("b says so", async () => (await codes()).includes("http-not-listening"), 60_000);
    expect((await b.cli("check", "--group", "host")).stdout).toMatch(
      /^PROXYSQL-CARP WARNING - host: http-not-listening: /,
    );

    await new Promise((resolve) => thief.close(resolve));
    await until("b serves its page", async () => (await curl(b, ports.b, "/role")).status === 503, 60_000);
    await until("the reason is gone", async () => !(await codes()).includes("http-not-listening"), 60_000);
  });

  it("reads the history from the journal when no agent runs, and every other question is answered so", async () => {
    await b.stopAgent();
    const history = await b.cli("history", "--since", "1h");
    expect(history.code).toBe(0);
    expect(history.stdout).toMatch(/received|transition/);
    expect(history.stderr).toContain("no agent answers");
    expect((await b.cli("reasons")).code).toBe(3);
    expect(await b.cli("check", "--timeout", "2s")).toMatchObject({
      code: 3,
      stdout: expect.stringMatching(/^PROXYSQL-CARP UNKNOWN - No agent answers on .*\n$/),
      stderr: "",
    });
    await expect(curl(b, ports.b, "/role")).rejects.toThrow("curl /role");
  });
});
