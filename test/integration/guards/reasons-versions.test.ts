import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type PairNode, root } from "../../support/pair/node.js";
import { createPair, type Pair } from "../../support/pair/pair.js";
import { usesRealProxysql } from "../../support/proxysql.js";
import { addAndShip, leads, servers, serversInStore, startPair, until } from "../agent/harness.js";
import { allIsWell, expectEachOnce, has, lacks, recordingHook } from "./reason-harness.js";

const slow = { timeout: 300_000 };
const reason = usesRealProxysql
  ? " (skipped with PROXYSQL_BIN: only the stand-in can be another version)"
  : "";

describe.skipIf(usesRealProxysql)(`the reasons of a pair that does not fit together${reason}`, () => {
  let hooks: string;
  let pair: Pair;
  let skewed: ChildProcess | undefined;

  beforeEach(() => {
    hooks = mkdtempSync(join(tmpdir(), "reasons-"));
  });

  afterEach(async () => {
    skewed?.kill("SIGKILL");
    skewed = undefined;
    await pair.end();
    rmSync(hooks, { recursive: true, force: true });
  });

  /** What the rc service of a node runs, with a variable more in its environment. */
  function withEnv(node: PairNode, variable: string): () => void {
    const file = join(node.dir, "host/proxysql.command");
    const own = readFileSync(file, "utf8");
    writeFileSync(file, `/usr/bin/env\n${variable}\n${own}`);
    return () => writeFileSync(file, own);
  }

  it(
    "version-mismatch, table-definitions-differ and what comes of it, until the versions are one",
    slow,
    async () => {
      pair = await createPair({
        standby: "warm",
        extra: { alerts: recordingHook(hooks), snapshots: ['max_age = "5s"'] },
      });
      const { a, b } = pair;
      const upgrade = withEnv(b, "PROXYSQL_STANDIN_VERSION=2.5.5");
      await Promise.all([a.startSsh(b), b.startSsh(a), a.startProxysql(), b.startProxysql()]);
      a.writeRole("MASTER");
      a.startAgent();
      b.startAgent();
      await until("a leads", () => leads(a));

      expect((await has(b, "no-verified-snapshot")).todo).toContain("on the active node");
      expect((await has(a, "snapshot-too-old b")).sentence).toContain("holds nothing");
      await has(b, "snapshot-too-old");
      await has(b, "quarantine-not-empty");
      expect((await has(a, "table-definitions-differ b")).sentence).toMatch(/2\.5.*there, 2\.7.*here/);
      await has(b, "table-definitions-differ a");
      await has(a, "peer-not-ready b");
      await has(b, "version-mismatch a");
      expect((await has(a, "version-mismatch b")).sentence).toContain("ProxySQL 2.7");

      upgrade();
      await b.run("service", ["proxysql", "onestop"]);
      for (const name of readdirSync(join(b.dir, "proxysql"))) rmSync(join(b.dir, "proxysql", name));
      await b.startProxysql();
      await until("b is of a's version", async () =>
        ((await b.status()).proxysql.version ?? "").startsWith("2.7"),
      );
      await b.stopAgent();
      for (const name of readdirSync(join(b.dir, "state/quarantine")))
        rmSync(join(b.dir, "state/quarantine", name), { recursive: true });
      b.startAgent();
      await addAndShip(a, b, "db1.example").catch(() => undefined);
      await allIsWell(a, b);
      expect(await serversInStore(b, "inbox")).toBe(1);
      await expectEachOnce(a);
      await expectEachOnce(b);
    },
  );

  it("newest-doubted and snapshot-doubted: ProxySQL dies of a verified snapshot", slow, async () => {
    pair = await startPair({
      standby: "warm",
      extra: { alerts: recordingHook(hooks), proxysql: ['start_timeout = "3s"'] },
    });
    const { a, b } = pair;
    await addAndShip(a, b, "db1.example");
    await a.admin(
      "INSERT INTO mysql_servers(hostgroup_id,hostname,comment) VALUES (10,'bad.example','standin:die')",
      "SAVE MYSQL SERVERS TO DISK",
    );
    const id = await until("b doubts it", async () => (await b.status()).doubts[0]?.id, 60_000);
    expect(await has(b, "newest-doubted")).toMatchObject({ severity: "critical" });
    expect((await has(b, `snapshot-doubted ${id}`)).todo).toContain(`snapshot diff ${id} live`);
    await until("b serves what it had", async () => (await servers(b)) === "10:db1.example:3306", 60_000);

    await a.admin(
      "DELETE FROM mysql_servers WHERE hostname='bad.example'",
      "INSERT INTO mysql_servers(hostgroup_id,hostname) VALUES (10,'db2.example')",
      "LOAD MYSQL SERVERS TO RUNTIME",
      "SAVE MYSQL SERVERS TO DISK",
    );
    await lacks(b, `snapshot-doubted ${id}`);
    await lacks(b, "newest-doubted");
    await allIsWell(a, b);
  });

  it("clock-skew: the peer's clock is five seconds ahead", slow, async () => {
    pair = await startPair({ standby: "warm", extra: { alerts: recordingHook(hooks) } });
    const { a, b } = pair;
    await b.stopSsh();
    skewed = serveWithClock(a, b, 5_000);
    expect((await has(a, "clock-skew b")).sentence).toMatch(/The clock of b is (4\.[5-9]|5\.\d) s ahead/);
    skewed.kill("SIGKILL");
    await b.startSsh(a);
    await lacks(a, "clock-skew b");
    await allIsWell(a, b);
  });
});

/** The SSH server of `node`, whose serving processes have a clock of their own. */
function serveWithClock(peer: PairNode, node: PairNode, aheadMs: number): ChildProcess {
  const clock = `const now = Date.now; Date.now = () => now() + ${aheadMs};`;
  const options = {
    host: "127.0.0.1",
    port: node.ports.ssh,
    hostKeyFile: node.hostKey.file,
    authorizedKey: peer.userKey.publicLine,
    command: [
      process.execPath,
      "--import",
      `data:text/javascript,${encodeURIComponent(clock)}`,
      join(root, "dist/cli.js"),
      "--config",
      node.configFile,
      "serve",
    ],
  };
  const program = join(root, "build/test/support/ssh-server.js");
  return spawn(process.execPath, [program, JSON.stringify(options)], { env: node.env, stdio: "ignore" });
}
