import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type PairNode, vhid } from "../../support/pair/node.js";
import { createPair, type Pair } from "../../support/pair/pair.js";
import { freePort } from "../../support/proxysql.js";
import { addAndShip, leads, servers, until } from "../agent/harness.js";
import { allIsWell, expectEachOnce, has, lacks, recordingHook } from "./reason-harness.js";

const slow = { timeout: 300_000 };
const secondVhid = "10@em1";

/** A cold pair with two vhids, of which a leads and whose health may move the role once an hour. */
describe("the reasons of a cold pair", () => {
  let pair: Pair;
  let a: PairNode;
  let b: PairNode;
  let hooks: string;
  let squatter: Server;

  beforeAll(async () => {
    hooks = mkdtempSync(join(tmpdir(), "reasons-"));
    const port = await freePort();
    squatter = createServer();
    pair = await createPair({
      standby: "cold",
      extra: {
        alerts: recordingHook(hooks),
        carp: ["moves_per_hour = 1", 'hold = "1s"'],
        proxysql: ["restarts = 0", 'start_timeout = "8s"', 'drain_timeout = "100ms"'],
      },
    });
    a = pair.a;
    b = pair.b;
    for (const node of [a, b]) {
      const vhids = readFileSync(node.configFile, "utf8").replace(`"${vhid}"`, `"${vhid}", "${secondVhid}"`);
      writeFileSync(node.configFile, vhids);
      mkdirSync(join(node.dir, "host/carp", secondVhid), { recursive: true });
      writeFileSync(join(node.dir, "host/carp", secondVhid, "advskew"), node === a ? "0\n" : "100\n");
      secondRole(node, "BACKUP");
    }
    writeFileSync(
      b.configFile,
      `${readFileSync(b.configFile, "utf8")}\n[http]\nlisten = "127.0.0.1:${port}"\n`,
    );
    await new Promise<void>((resolve) => squatter.listen(port, "127.0.0.1", resolve));
    await Promise.all([a.startSsh(b), b.startSsh(a), a.startProxysql(), b.startProxysql()]);
    // Each has a database with ports of its own before a snapshot comes.
    await until("both ProxySQL answer", async () => (await servers(a)) === "" && (await servers(b)) === "");
    a.writeRole("MASTER");
    secondRole(a, "MASTER");
    a.startAgent();
    b.startAgent();
    await until("a leads", () => leads(a));
    await addAndShip(a, b, "db1.example");
    await allIsWell(a);
  }, 120_000);

  afterAll(async () => {
    squatter.close();
    await pair.end();
    rmSync(hooks, { recursive: true, force: true });
  });

  function secondRole(node: PairNode, role: string): void {
    writeFileSync(join(node.dir, "host/carp", secondVhid, "role"), `${role}\n`);
  }

  it("http-not-listening: somebody else has the port, until he lets it go", slow, async () => {
    expect((await has(b, "http-not-listening")).sentence).toContain("EADDRINUSE");
    squatter.close();
    await lacks(b, "http-not-listening");
    await allIsWell(a, b);
    expect((await b.status()).proxysql.up).toBe(false);
  });

  it("vhids-split: one of them is the other node's", slow, async () => {
    secondRole(a, "BACKUP");
    secondRole(b, "MASTER");
    expect((await has(a, "vhids-split")).sentence).toContain(`${secondVhid} BACKUP`);
    await has(b, "vhids-split");
    secondRole(b, "BACKUP");
    secondRole(a, "MASTER");
    await lacks(a, "vhids-split");
    await lacks(b, "vhids-split");
    await allIsWell(a, b);
  });

  it("role-opposite: the passive node's ProxySQL runs, and the agent may not stop it", slow, async () => {
    await b.cli("maintenance", "on");
    await b.startProxysql();
    const reason = await has(b, "role-opposite");
    expect(reason.sentence).toContain("cold standby");
    expect(reason.sentence).toContain("Maintenance is on");
    await b.cli("maintenance", "off");
    await lacks(b, "role-opposite");
    await lacks(b, "maintenance-on");
    expect((await b.status()).proxysql.up).toBe(false);
    await allIsWell(a, b);
  });

  it("own-demotion and peer-not-ready: a passive node that failed its drill stands back", slow, async () => {
    const program = readFileSync(b.program, "utf8");
    writeFileSync(b.program, "#!/bin/sh\nexit 1\n");
    await b.cli("snapshot", "drill");
    await has(b, "drill-failed");
    expect((await has(b, "own-demotion")).sentence).toContain("241");
    expect((await has(a, "peer-not-ready b")).sentence).toContain("drill-failed");
    writeFileSync(b.program, program);
    await b.cli("snapshot", "drill");
    await lacks(b, "drill-failed");
    await lacks(b, "own-demotion");
    await lacks(a, "peer-not-ready b");
    await allIsWell(a, b);
  });

  it(
    "proxysql-down, role-opposite and moves-exhausted: a dead ProxySQL on a node that may not give the address away",
    slow,
    async () => {
      const dies = async (): Promise<void> => {
        writeFileSync(join(a.dir, "host/service.start.fail"), "");
        await a.killProxysql();
        await has(a, "proxysql-down");
      };
      const isMended = async (): Promise<void> => {
        rmSync(join(a.dir, "host/service.start.fail"));
        await lacks(a, "proxysql-down");
        await lacks(a, "role-opposite");
        await allIsWell(a, b);
      };
      await dies();
      expect((await has(a, "role-opposite")).sentence).toContain("MASTER");
      // Nothing moves the address here, whatever CARP is asked: the node stays MASTER with its share.
      expect((await has(a, "own-demotion")).sentence).toContain("gave the address away");
      await isMended();

      // The one move of this hour is used up.
      await dies();
      await has(a, "moves-exhausted");
      expect((await a.status()).care).toMatchObject({ share: 0, exhausted: true });
      await isMended();
    },
  );

  it("were each raised once and cleared once in turn, in the log as by the hook", slow, async () => {
    await expectEachOnce(a);
    await expectEachOnce(b);
  });
});
