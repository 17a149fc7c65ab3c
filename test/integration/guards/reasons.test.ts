import {
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import Database from "better-sqlite3";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type PairNode, vhid } from "../../support/pair/node.js";
import type { Pair } from "../../support/pair/pair.js";
import { makeKeyPair } from "../../support/ssh-keys.js";
import { addAndShip, addServer, leads, servers, serversInStore, startPair, until } from "../agent/harness.js";
import { allIsWell, expectEachOnce, has, lacks, recordingHook, timesRaised } from "./reason-harness.js";

const slow = { timeout: 300_000 };

/** One warm pair, of which a leads: every reason comes by its real cause, and goes with it. */
describe("the reasons of a warm pair", () => {
  let pair: Pair;
  let a: PairNode;
  let b: PairNode;
  let devd: string;
  let hooks: string;

  beforeAll(async () => {
    hooks = mkdtempSync(join(tmpdir(), "reasons-"));
    devd = join(hooks, "devd");
    process.env.PROXYSQL_CARP_DEVD_ROOT = devd;
    pair = await startPair({ standby: "warm", extra: { alerts: recordingHook(hooks) } });
    a = pair.a;
    b = pair.b;
    await addAndShip(a, b, "db1.example");
    await until("b serves it", async () => (await servers(b)).includes("db1"));
    await allIsWell(a, b);
  }, 120_000);

  afterAll(async () => {
    delete process.env.PROXYSQL_CARP_DEVD_ROOT;
    await pair.end();
    rmSync(hooks, { recursive: true, force: true });
  });

  it("are none when all is well, and both say that they are ready", async () => {
    const [ours, theirs] = [await a.status(), await b.status()];

    expect([ours.ready, theirs.ready]).toEqual([true, true]);
    expect([ours.problems, theirs.problems]).toEqual([[], []]);
    expect(ours.peers[0]?.report).toMatchObject({
      ready: true,
      reasons: [],
      maintenance: false,
      preempt: true,
      demotion: { total: 0, share: 0 },
      vhids: [{ vhid, role: "BACKUP", advskew: 100, advbase: 1 }],
    });
    expect(ours.peers[0]?.report?.definitions).toBe(theirs.peers[0]?.report?.definitions);
  });

  it("peer-unreachable: the peer's sshd is down", slow, async () => {
    await b.stopSsh();
    expect(await has(a, "peer-unreachable b")).toMatchObject({
      severity: "critical",
      group: "peer",
      sentence: expect.stringContaining("b has not been reachable"),
    });
    await b.startSsh(a);
    await lacks(a, "peer-unreachable b");
  });

  it("host-key-changed: another host answers at the peer's address", slow, async () => {
    const own = join(hooks, "own-key");
    copyFileSync(b.hostKey.file, own);
    await b.stopSsh();
    makeKeyPair(b.hostKey.file);
    await b.startSsh(a);
    const reason = await has(a, "host-key-changed b");
    expect(reason.sentence.match(/SHA256:/g)).toHaveLength(2);
    expect((await a.status()).reasons.map(({ code }) => code)).not.toContain("peer-unreachable");
    await b.stopSsh();
    copyFileSync(own, b.hostKey.file);
    await b.startSsh(a);
    await lacks(a, "host-key-changed b");
  });

  it("peer-agent-down: only sshd is left of the peer", slow, async () => {
    await b.stopAgent();
    await has(a, "peer-agent-down b");
    b.startAgent();
    await lacks(a, "peer-agent-down b");
  });

  it("maintenance-on: an operator works here; the peer is not counted on", slow, async () => {
    expect((await b.cli("maintenance", "on", "--note", "new disks")).code).toBe(0);
    expect((await has(b, "maintenance-on")).sentence).toContain("new disks");
    expect((await has(a, "peer-not-ready b")).sentence).toContain("maintenance-on");
    expect((await b.status()).maintenance).toMatchObject({ note: "new disks" });
    expect((await b.cli("maintenance", "off")).code).toBe(0);
    await lacks(b, "maintenance-on");
    await lacks(a, "peer-not-ready b");
  });

  it("carp-will-fight: equal advskew, advskew beyond what counts, no preemption", slow, async () => {
    const skew = (node: PairNode, value: number): void =>
      writeFileSync(join(node.dir, "host/carp", vhid, "advskew"), `${value}\n`);
    skew(b, 0);
    await has(a, `carp-will-fight ${vhid}`);
    expect((await has(b, `carp-will-fight ${vhid}`)).todo).toContain("advskew 100");
    skew(b, 254);
    await lacks(a, `carp-will-fight ${vhid}`);
    await until("b's reason is another one", async () =>
      (await has(b, `carp-will-fight ${vhid}`)).sentence.includes("254"),
    );
    skew(b, 100);
    await lacks(b, `carp-will-fight ${vhid}`);

    const preempt = join(b.dir, "host/sysctl/net.inet.carp.preempt");
    writeFileSync(preempt, "0\n");
    await has(b, "carp-will-fight preempt");
    await has(a, "carp-will-fight preempt");
    writeFileSync(preempt, "1\n");
    await lacks(b, "carp-will-fight preempt");
    await lacks(a, "carp-will-fight preempt");
  });

  it("role-unknown: ifconfig does not tell of the vhid", slow, async () => {
    writeFileSync(join(b.dir, "host/carp", vhid, "role"), "DREAMING\n");
    await has(b, "role-unknown");
    await b.setRole("BACKUP");
    await lacks(b, "role-unknown");
  });

  it("not-serving: the passive node's client port is closed", slow, async () => {
    await b.admin("PROXYSQL PAUSE");
    expect((await has(b, "not-serving")).todo).toContain("PROXYSQL RESUME");
    await b.admin("PROXYSQL RESUME");
    await lacks(b, "not-serving");
  });

  it(
    "proxysql-down, step-failed and own-demotion: the passive node's ProxySQL does not come up",
    slow,
    async () => {
      writeFileSync(join(b.dir, "host/service.start.fail"), "");
      await b.killProxysql();
      await has(b, "proxysql-down");
      await has(b, "step-failed");
      await has(b, "own-demotion");
      expect((await has(a, "peer-not-ready b")).sentence).toContain("proxysql-down");
      expect((await b.status()).care).toMatchObject({ share: 241, shareWhy: "unready" });
      rmSync(join(b.dir, "host/service.start.fail"));
      await lacks(b, "proxysql-down");
      await lacks(b, "step-failed");
      await lacks(b, "own-demotion");
      await lacks(a, "peer-not-ready b");
    },
  );

  it(
    "snapshot-not-taken: an emptied table is held back until somebody says that it is meant",
    slow,
    async () => {
      await a.admin(
        "DELETE FROM mysql_servers",
        "LOAD MYSQL SERVERS TO RUNTIME",
        "SAVE MYSQL SERVERS TO DISK",
      );
      expect((await has(a, "snapshot-not-taken")).todo).toContain("snapshot take --accept");
      expect((await a.cli("snapshot", "take", "--accept")).code).toBe(0);
      await lacks(a, "snapshot-not-taken");
      await addAndShip(a, b, "db2.example");
    },
  );

  it("quarantine-not-empty: a stored snapshot has rotted, and a drill finds it", slow, async () => {
    const inbox = join(b.dir, "state/inbox");
    const newest =
      readdirSync(inbox)
        .filter((name) => !name.startsWith("."))
        .sort()
        .at(-1) ?? "";
    const file = join(inbox, newest, "proxysql.db.gz");
    const bytes = readFileSync(file);
    bytes[bytes.length >> 1] = (bytes[bytes.length >> 1] ?? 0) ^ 0x10;
    writeFileSync(file, bytes);
    await b.cli("snapshot", "drill");
    expect((await has(b, "quarantine-not-empty")).sentence).toContain(newest);
    for (const name of readdirSync(join(b.dir, "state/quarantine")))
      rmSync(join(b.dir, "state/quarantine", name), { recursive: true });
    await lacks(b, "quarantine-not-empty");
    await until("b has the newest again", async () => readdirSync(inbox).includes(newest));
  });

  it("drill-failed: ProxySQL does not start from the snapshot, on trial", slow, async () => {
    const program = readFileSync(b.program, "utf8");
    writeFileSync(b.program, "#!/bin/sh\necho 'out of order' >&2\nexit 1\n");
    expect((await b.cli("snapshot", "drill")).code).not.toBe(0);
    await has(b, "drill-failed");
    writeFileSync(b.program, program);
    expect((await b.cli("snapshot", "drill")).code).toBe(0);
    await lacks(b, "drill-failed");
  });

  it("devd-rule-missing and devd-rule-shadowed: devd's files", slow, async () => {
    mkdirSync(join(devd, "usr/local/etc/devd"), { recursive: true });
    mkdirSync(join(devd, "etc"), { recursive: true });
    writeFileSync(join(devd, "etc/devd.conf"), 'options { directory "/usr/local/etc/devd"; };\n');
    await has(a, "devd-rule-missing");
    copyFileSync("devd/carp.conf", join(devd, "usr/local/etc/devd/proxysql-carp.conf"));
    await lacks(a, "devd-rule-missing");
    const other = join(devd, "usr/local/etc/devd/other.conf");
    writeFileSync(other, 'notify 700 { match "system" "CARP"; action "/usr/bin/true"; };\n');
    expect((await has(a, "devd-rule-shadowed")).sentence).toContain("other.conf:1");
    writeFileSync(other, 'notify 700 { match "system" "CARP"; action "/usr/bin/true" };\n');
    expect((await has(a, "devd-rule-missing")).sentence).toContain("other.conf:1");
    rmSync(other);
    await lacks(a, "devd-rule-missing");
    await lacks(a, "devd-rule-shadowed");
    await lacks(b, "devd-rule-missing");
    await lacks(b, "devd-rule-shadowed");
  });

  it(
    "journal-not-writable: its table is gone; noticed as soon as something is to be written",
    slow,
    async () => {
      const db = new Database(join(b.dir, "state/journal.db"));
      try {
        db.exec("ALTER TABLE state RENAME TO state_away");
        await b.stopSsh();
        writeFileSync(join(b.dir, "host/carp", vhid, "advskew"), "0\n");
        await has(b, "journal-not-writable");
        db.exec("ALTER TABLE state_away RENAME TO state");
        await lacks(b, "journal-not-writable");
      } finally {
        db.close();
        writeFileSync(join(b.dir, "host/carp", vhid, "advskew"), "100\n");
        await b.startSsh(a);
      }
      await allIsWell(a, b);
    },
  );

  it("drift, foreign-demotion and tls-files-differ: each is given its time first", slow, async () => {
    for (const name of ["ca", "cert", "key"])
      writeFileSync(join(a.dir, `proxysql/proxysql-${name}.pem`), `the pair's ${name}\n`, { mode: 0o600 });
    await addAndShip(a, b, "db3.example");
    await until("b has a's certificate", async () =>
      readFileSync(join(b.dir, "proxysql/proxysql-cert.pem"), "utf8").includes("pair's"),
    );
    await a.admin("UPDATE mysql_servers SET weight=7 WHERE hostname='db3.example'");
    await b.run("sysctl", ["net.inet.carp.demotion=240"]);
    writeFileSync(join(b.dir, "proxysql/proxysql-cert.pem"), "another certificate\n");

    // First of all: the snapshot that saves the drift brings the files with it.
    await has(b, "tls-files-differ b");
    await has(a, "tls-files-differ b");
    copyFileSync(join(a.dir, "proxysql/proxysql-cert.pem"), join(b.dir, "proxysql/proxysql-cert.pem"));
    await lacks(b, "tls-files-differ b");
    await lacks(a, "tls-files-differ b");

    const drift = await has(a, "drift");
    expect(drift.sentence).toContain("1 row of mysql_servers differ");
    expect(drift.sentence).toContain("db3.example:3306");
    await a.admin("LOAD MYSQL SERVERS TO RUNTIME", "SAVE MYSQL SERVERS TO DISK");
    await lacks(a, "drift");

    const foreign = await has(b, "foreign-demotion");
    const sysctl = /`sysctl (net\.inet\.carp\.demotion=-?\d+)`/.exec(foreign.todo)?.[1];
    expect(sysctl).toBe("net.inet.carp.demotion=-240");
    await b.run("sysctl", [sysctl ?? ""]);
    await lacks(b, "foreign-demotion");
  });

  it("no-master: neither node has the address", slow, async () => {
    await a.setRole("INIT");
    const since = Date.now();
    await has(a, "no-master");
    await has(b, "no-master");
    expect(Date.now() - since).toBeGreaterThan(9_000);
    await a.setRole("MASTER");
    await lacks(a, "no-master");
    await lacks(b, "no-master");
    await until("a leads again", () => leads(a));
    await allIsWell(a, b);
  });

  it("a planned move of the role is no reason at all", slow, async () => {
    const before = [a, b].map((node) => [
      timesRaised(node, "both-master b"),
      timesRaised(node, "both-master a"),
    ]);
    await Promise.all([a.setRole("BACKUP"), b.setRole("MASTER")]);
    await until("b leads", () => leads(b));
    await allIsWell(a, b);
    await Promise.all([b.setRole("BACKUP"), a.setRole("MASTER")]);
    await until("a leads", () => leads(a));
    await allIsWell(a, b);

    expect(
      [a, b].map((node) => [timesRaised(node, "both-master b"), timesRaised(node, "both-master a")]),
    ).toEqual(before);
  });

  it("both-master, and divergence once it is healed", slow, async () => {
    await b.setRole("MASTER");
    await has(a, "both-master b");
    await has(b, "both-master a");
    await addServer(a, "from-a.example");
    await addServer(b, "from-b.example");
    await until("both have taken it", async () => {
      const both = [await serversInStore(a, "outbox"), await serversInStore(b, "outbox")];
      return both[0] === both[1];
    });
    await b.setRole("BACKUP");
    await lacks(a, "both-master b");
    await lacks(b, "both-master a");
    expect((await has(a, "divergence")).todo).toContain("divergence");
    await has(b, "divergence");

    // A day later; the agents are down meanwhile, as they may be.
    for (const node of [a, b]) {
      await node.stopAgent();
      const db = new Database(join(node.dir, "state/journal.db"));
      db.exec("UPDATE notes SET at = strftime('%Y-%m-%dT%H:%M:%fZ', at, '-25 hours')");
      db.close();
      rmSync(join(node.dir, "state/divergence"), { recursive: true, force: true });
      node.startAgent();
    }
    await lacks(a, "divergence");
    await lacks(b, "divergence");
  });

  it("stay over a restart of the agent, with their age, and are not told again", slow, async () => {
    await b.stopSsh();
    const before = await has(a, "peer-unreachable b");
    const told = timesRaised(a, "peer-unreachable b");
    await a.stopAgent();
    a.startAgent();
    await until("a answers", async () => (await a.status()).proxysql.up);
    await until("a has looked", async () => (await a.status()).peers[0]?.error !== null);
    expect(await has(a, "peer-unreachable b")).toMatchObject({ since: before.since });
    await b.startSsh(a);
    await lacks(a, "peer-unreachable b");

    expect(timesRaised(a, "peer-unreachable b")).toBe(told);
  });

  it("were each raised once and cleared once in turn, in the log as by the hook", slow, async () => {
    await allIsWell(a, b);
    await expectEachOnce(a);
    await expectEachOnce(b);
  });

  it("cost little: a look at health and a round of the agent", slow, async () => {
    const cpuMs = (): number => {
      const fields = readFileSync(`/proc/${a.agentPid}/stat`, "utf8").split(") ")[1]?.split(" ") ?? [];
      return (Number(fields[11]) + Number(fields[12])) * 10;
    };
    const [began, used] = [performance.now(), cpuMs()];
    await new Promise((resolve) => setTimeout(resolve, 20_000));
    const perSecond = (cpuMs() - used) / ((performance.now() - began) / 1_000);
    process.stdout.write(`an agent at rest: ${perSecond.toFixed(1)} ms of CPU a second\n`);
    // One look each second, one round each five, two heartbeats a second; 20 ms is the limit for look and round.
    expect(perSecond).toBeLessThan(60);
  });
});
