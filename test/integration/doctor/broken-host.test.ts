import { spawnSync } from "node:child_process";
import {
  chmodSync,
  chownSync,
  copyFileSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it, onTestFinished } from "vitest";
import type { PairNode } from "../../support/pair/node.js";
import {
  type DoctorPair,
  devdRule,
  doctor,
  examine,
  hostRoot,
  openPipe,
  patienceMs,
  type Seen,
  startDoctorPair,
  until,
} from "./harness.js";

// Each link of the chain on the host itself, broken by its real cause: exactly that line fails, and says what to do.

let pair: DoctorPair;
let b: PairNode;
beforeAll(async () => {
  pair = await startDoctorPair("warm");
  b = pair.b;
}, patienceMs);
afterAll(() => pair?.end(), patienceMs);

/** Writes another content into a file until the test is over. */
function change(file: string, edit: (text: string) => string): void {
  const before = readFileSync(file);
  writeFileSync(file, edit(before.toString("latin1")), "latin1");
  onTestFinished(() => writeFileSync(file, before));
}

/** Makes a file that is gone when the test is over. */
function make(file: string, text: string): void {
  writeFileSync(file, text);
  onTestFinished(() => rmSync(file, { force: true }));
}

/** Exactly this line fails, with its todo, and the command ends with 1. */
function expectOnly({ failing, code, line }: Seen, check: string, sentence: RegExp, todo: RegExp): void {
  expect(failing).toEqual([check]);
  expect(code).toBe(1);
  expect(line(check).sentence).toMatch(sentence);
  expect(line(check).todo).toMatch(todo);
}

it("a configuration that cannot be read ends the chain, with 78", async () => {
  change(b.configFile, (text) => text.replace("admin_port", "admin_prot"));

  const { code, document } = await examine(b);

  expect(code).toBe(78);
  expect(document).toMatchObject({
    node: null,
    ok: false,
    checks: [{ check: "configuration", state: "failing" }],
  });
  expect(document.checks[0]?.sentence).toMatch(/proxysql-carp\.toml:\d+: proxysql\.admin_prot/);
});

it("a file that others may change, or that belongs to them", async () => {
  chmodSync(b.configFile, 0o666);
  expectOnly(await examine(b), "files", /mode 0666: others can change it/, /^chmod 0644/);

  chmodSync(b.configFile, 0o644);
  const password = join(b.dir, "admin.password");
  if (process.getuid?.() !== 0) return;
  chownSync(password, 12_345, 0);
  onTestFinished(() => chownSync(password, 0, 0));
  expectOnly(await examine(b), "files", /belongs to user id 12345/, /^chown 0 /);
});

it("a vhid that ifconfig does not tell of", async () => {
  const from = join(b.dir, "host/carp/9@em0");
  const to = join(b.dir, "host/9@em0");
  renameSync(from, to);
  onTestFinished(async () => {
    renameSync(to, from);
    await until("b knows its role again", async () => (await b.status()).role === "BACKUP");
  });

  expectOnly(await examine(b), "carp-vhids", /does not tell of 9@em0/, /ifconfig IF vhid N/);
});

it("CARP that is not allowed", async () => {
  make(join(b.dir, "host/sysctl/net.inet.carp.allow"), "0\n");

  expectOnly(await examine(b), "carp-allowed", /allow is 0/, /sysctl net\.inet\.carp\.allow=1/);
});

it("an advskew that is the peer's too is a warning", async () => {
  change(join(b.dir, "host/carp/9@em0/advskew"), () => "0\n");

  const { failing, line, code } = await examine(b);

  expect([failing, code]).toEqual([[], 0]);
  expect(line("peer-carp")).toMatchObject({ state: "warning", about: "a" });
  expect(line("peer-carp").todo).toMatch(/advskew 100/);
});

it("a devd that does not run, and one that takes no more listeners", async () => {
  const pipe = join(hostRoot(b), "var/run/devd.pipe");
  const pidFile = join(hostRoot(b), "var/run/devd.pid");
  rmSync(pipe);
  onTestFinished(async () => {
    const server = await openPipe(b);
    server.unref();
  });
  const crowded = await examine(b);
  expect([crowded.failing, crowded.line("devd").state]).toEqual([[], "warning"]);

  const ended = spawnSync("true");
  change(pidFile, () => `${ended.pid}\n`);
  expectOnly(await examine(b), "devd", /devd does not run/, /service devd restart/);
});

it("a rule that another one shadows", async () => {
  const file = join(hostRoot(b), "etc/devd/other.conf");
  make(file, 'notify 800 {\n\tmatch "system" "CARP";\n\taction "/usr/bin/true";\n};\n');

  expectOnly(
    await examine(b),
    "devd-rules",
    /\/etc\/devd\/other\.conf:1 with priority 800, not ours/,
    /priority above 800/,
  );
});

it("a rule that is missing, and a file that keeps devd from starting", async () => {
  const kept = join(b.dir, "rule.conf");
  renameSync(devdRule(b), kept);
  const missing = await examine(b);
  renameSync(kept, devdRule(b));
  expectOnly(missing, "devd-rules", /No rule .* 9@em0 MASTER/, /devd\/carp\.conf/);
  expect(missing.line("hook").state).toBe("not-checked");

  make(join(hostRoot(b), "usr/local/etc/devd/broken.conf"), 'notify 10 {\n\taction "";\n};\n');
  expectOnly(await examine(b), "devd-rules", /broken\.conf:2/, /Correct that file/);
});

/** Lets devd's rule call a hook of the test's own. */
function otherHook(text: string | undefined, mode: number): string {
  const hook = join(b.dir, "bin-proxysql-carp-notify");
  const real = /\S+devd\/proxysql-carp-notify/;
  const path = real.exec(readFileSync(devdRule(b), "utf8"))?.[0] ?? "";
  if (text === undefined) copyFileSync(path, hook);
  else writeFileSync(hook, text);
  chmodSync(hook, mode);
  change(devdRule(b), (rule) => rule.replaceAll(path, hook));
  return hook;
}

it("a hook that may not be executed, has no interpreter, or is not there", async () => {
  const hook = otherHook(undefined, 0o644);
  expectOnly(await examine(b), "hook", /may not be executed/, /^chmod 0755/);

  writeFileSync(hook, "#!/usr/bin/env no-such-interpreter\n");
  chmodSync(hook, 0o755);
  expectOnly(await examine(b), "hook", /needs "\/usr\/bin\/env no-such-interpreter"/, /interpreter/);

  rmSync(hook);
  expectOnly(await examine(b), "hook", /cannot be looked at \(ENOENT\)/, /install -m 0755/);
});

it("a hook that looks for the agent elsewhere is a warning", async () => {
  change(devdRule(b), (rule) => rule.replaceAll(/PROXYSQL_CARP_\w+=\S+ /g, ""));

  const { failing, line } = await examine(b);

  expect(failing).toEqual([]);
  expect(line("hook").sentence).toMatch(/look for the agent in \/var\/run\/proxysql-carp/);
  expect(line("hook").todo).toContain(`PROXYSQL_CARP_RUN_DIR=${b.dir}/run`);
});

it("a hook whose event does not reach the agent", async () => {
  otherHook("#!/bin/sh\nexit 0\n", 0o755);

  expectOnly(await examine(b), "hook-arrival", /nothing came within 6\.0 s/, /nc\(1\)/);
});

it("an agent that is not started at boot, or whose script is not there", async () => {
  change(join(b.dir, "host/sysctl/../sysrc"), () => "NO\n");
  expectOnly(await examine(b), "rc-script", /proxysql_carp_enable is NO/, /^sysrc proxysql_carp_enable=YES$/);

  writeFileSync(join(b.dir, "host/sysrc"), "YES\n");
  change(join(b.dir, "host/service-e"), () => "/etc/rc.d/devd\n");
  expectOnly(await examine(b), "rc-script", /does not list/, /Install rc\.d\/proxysql_carp/);
});

it("an agent with another configuration than the file has is a warning until it reloads", async () => {
  change(b.configFile, (text) => text.replace("[carp]\n", '[carp]\nsettle = "1ms"\n'));
  const { failing, line } = await examine(b);
  expect(failing).toEqual([]);
  expect(line("agent-configuration")).toMatchObject({ state: "warning" });
  expect(line("agent-configuration").todo).toMatch(/service proxysql_carp reload/);

  b.signalAgent("SIGHUP");
  await until(
    "the agent has the file's",
    async () => (await examine(b)).line("agent-configuration").state === "ok",
  );
  onTestFinished(async () => {
    b.signalAgent("SIGHUP");
    await until("it has the old one", async () => (await examine(b)).failing.length === 0);
  });
});

it("an agent that hangs, and one that is not there: 3, and the rest is looked at all the same", async () => {
  b.signalAgent("SIGSTOP");
  const hanging = await examine(b);
  b.signalAgent("SIGCONT");
  expect([hanging.failing, hanging.code]).toEqual([["agent"], 3]);
  expect(hanging.line("agent").sentence).toMatch(/gave no answer within/);
  expect(hanging.line("agent-version").state).toBe("not-checked");
  expect(hanging.line("round-trip").state).toBe("ok");

  await b.stopAgent();
  onTestFinished(async () => {
    b.startAgent();
    await until("the agent answers", async () => (await b.status()).proxysql.serving);
  });
  const gone = await examine(b);
  expect([gone.failing, gone.code]).toEqual([["agent"], 3]);
  expect(gone.line("agent").todo).toMatch(/service proxysql_carp start/);

  // While nobody has it open, so that it is what SQLite finds.
  change(
    join(b.dir, "state/journal.db"),
    (text) => `${text.slice(0, 4_096)}${"x".repeat(text.length - 4_096)}`,
  );
  const damaged = await examine(b);
  expect(damaged.failing).toEqual(["agent", "journal"]);
  expect(damaged.code).toBe(1);
  expect(damaged.line("journal").sentence).toMatch(/journal\.db is damaged/);
  expect(damaged.line("journal").todo).toMatch(/move .*journal\.db\* away/);
});

const canMount = spawnSync("unshare", ["-m", "true"]).status === 0;

it.skipIf(!canMount)("a state directory that cannot be written", async () => {
  const state = join(b.dir, "state");
  const mount = `mount --bind ${state} ${state} && mount -o remount,ro,bind ${state} && exec "$@"`;

  const seen = await examine(b, { through: ["unshare", "-m", "sh", "-c", mount, "sh"] });

  expectOnly(seen, "journal", /Nothing can be written beside .*journal\.db: .*read-only/i, /df -h/);
});

it.skipIf(!canMount)("a disk that is nearly full", async () => {
  const state = join(b.dir, "state");
  const mount = `cp -a ${state} ${state}.copy && mount -t tmpfs -o size=60m tmpfs ${state} && cp -a ${state}.copy/. ${state}/ && exec "$@"`;
  onTestFinished(() => rmSync(`${state}.copy`, { recursive: true, force: true }));

  const seen = await examine(b, { through: ["unshare", "-m", "sh", "-c", mount, "sh"] });

  expectOnly(seen, "disks", /MiB left/, /Make room/);
});

it("a newest snapshot that the disk has damaged, and none", async () => {
  const inbox = join(b.dir, "state/inbox");
  const [newest = ""] = readdirSync(inbox)
    .filter((name) => !name.startsWith("."))
    .sort()
    .reverse();
  const file = join(inbox, newest, "proxysql.db.gz");
  const bytes = readFileSync(file);
  const spoilt = Buffer.from(bytes);
  spoilt.writeUInt8(spoilt.readUInt8(1_000) ^ 1, 1_000);
  writeFileSync(file, spoilt);
  const seen = await examine(b);
  writeFileSync(file, bytes);
  expectOnly(seen, "newest-snapshot", /does not verify: digest-differs/, /zpool status/);
  expect(seen.line("round-trip").state).toBe("ok");

  const boxes = ["inbox", "outbox"].map((name) => join(b.dir, "state", name));
  for (const box of boxes) {
    renameSync(box, `${box}.away`);
    mkdirSync(box, { mode: 0o700 });
  }
  const none = await examine(b);
  for (const box of boxes) {
    rmSync(box, { recursive: true });
    renameSync(`${box}.away`, box);
  }
  expectOnly(none, "newest-snapshot", /There is no snapshot on this host/, /peer's lines/);
  expect(none.line("round-trip").state).toBe("ok");
});

it("a service that rc does not know", async () => {
  change(b.configFile, (text) => text.replace("[proxysql]\n", '[proxysql]\nservice = "proxysql_other"\n'));

  expectOnly(
    await examine(b),
    "proxysql-service",
    /knows no service "proxysql_other"/,
    /\[proxysql\] service/,
  );
});

it("a service script that hangs is told when its time is over, and the others before it", async () => {
  make(join(b.dir, "host/service.status.hang"), "");
  let before = "";

  const { stdout, code } = await doctor(b, [], {
    onText: (text) => {
      if (!/^FAILING +ProxySQL's service/m.test(text)) before = text;
    },
  });

  expect(code).toBe(1);
  expect(before).toMatch(/^ok +a: round trip/m);
  expect(stdout).toMatch(/^FAILING +ProxySQL's service +service proxysql onestatus: not done within/m);
  expect(stdout).toMatch(/\n31 ok, 1 failing\n$/);
});

it("a wrong password", async () => {
  change(join(b.dir, "admin.password"), () => "wrong\n");

  const seen = await examine(b);

  expectOnly(seen, "proxysql-admin", /refused user "admin"/, /admin-admin_credentials/);
  expect(seen.line("proxysql-version")).toMatchObject({
    state: "not-checked",
    blockedBy: "ProxySQL's admin",
  });
  expect(seen.line("proxysql-clients").state).toBe("ok");
});

it("a ProxySQL that is deaf to clients", async () => {
  // In maintenance the agent leaves it so.
  await b.cli("maintenance", "on");
  await b.admin("PROXYSQL PAUSE");
  onTestFinished(async () => {
    await b.admin("PROXYSQL RESUME");
    await b.cli("maintenance", "off");
  });

  expectOnly(await examine(b), "proxysql-clients", /does not greet/, /PROXYSQL RESUME/);
});

it("a ProxySQL that does not run", async () => {
  make(join(b.dir, "host/service.start.noop"), "");
  await b.killProxysql();
  onTestFinished(async () => {
    rmSync(join(b.dir, "host/service.start.noop"), { force: true });
    await until("the agent has started it again", async () => (await b.status()).proxysql.serving, 60_000);
  });

  expectOnly(await examine(b), "proxysql-admin", /does not answer/, /service proxysql onestart/);
});

it("a database that is damaged, and one that belongs to another", async () => {
  const file = join(b.dir, "proxysql/proxysql.db");
  const bytes = readFileSync(file);
  const spoilt = Buffer.from(bytes);
  // Its last pages, of tables that nobody looks into just now.
  spoilt.fill(0, bytes.length - 2 * 4_096);
  writeFileSync(file, spoilt);
  const seen = await examine(b);
  writeFileSync(file, bytes);
  expectOnly(seen, "proxysql-database", /proxysql\.db is damaged/, /SAVE \.\.\. TO DISK/);

  if (process.getuid?.() !== 0) return;
  chownSync(file, 12_345, 0);
  onTestFinished(() => chownSync(file, 0, 0));
  expectOnly(await examine(b), "proxysql-database", /belongs to user id 12345/, /chown 0:0/);
});
