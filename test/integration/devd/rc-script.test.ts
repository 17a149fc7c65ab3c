import { type ChildProcess, spawn } from "node:child_process";
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { waitFor } from "../../support/host/wait.js";

let root: string;
let children: ChildProcess[];

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "rc-"));
  children = [];
  for (const directory of ["bin", "run", "db"]) {
    mkdirSync(join(root, directory));
  }
  // Only what is FreeBSD's is replaced; PATH keeps the order the script gives it.
  const script = readFileSync("rc.d/proxysql_carp", "utf8")
    .replace("/etc/rc.subr", resolve("test/support/host/rc/rc.subr"))
    .replace("/usr/sbin/daemon", join(root, "bin", "daemon"))
    .replace("PATH=/sbin", `PATH=${root}/bin:/sbin`);
  program("proxysql_carp", script.replace(/^#!.*\n/, ""));
  program("daemon", `echo "daemon $*" >>${root}/calls`);
  program("install", `echo "install $*" >>${root}/calls`);
  program("sysctl", `echo "sysctl $*" >>${root}/calls; echo BACKUP >${root}/role`);
  program("ifconfig", `printf '\\tcarp: %s vhid 9 advbase 1 advskew 0\\n' "$(cat ${root}/role)"`);
  program(
    "node",
    'trap "echo HUP >>$ROOT/signals" HUP; trap "echo TERM >>$ROOT/signals; exit 0" TERM; : ready >$ROOT/ready; while :; do sleep 0.1; done',
  );
  program("stubborn", 'trap "" TERM; : >$ROOT/ready; while :; do sleep 0.1; done');
  writeFileSync(join(root, "cli.js"), "");
  writeFileSync(join(root, "config.toml"), "");
  writeFileSync(join(root, "role"), "MASTER\n");
  configure("node");
});

afterEach(() => {
  for (const child of children) {
    child.kill("SIGKILL");
  }
  rmSync(root, { recursive: true, force: true });
});

function configure(node: string, more = ""): void {
  const lines = [
    "proxysql_carp_enable=YES",
    `proxysql_carp_config=${root}/config.toml`,
    `proxysql_carp_program=${root}/cli.js`,
    `proxysql_carp_node=${root}/bin/${node}`,
    `proxysql_carp_rundir=${root}/run`,
    `proxysql_carp_statedir=${root}/db`,
    more,
  ];
  writeFileSync(join(root, "rc.conf"), lines.join("\n"));
}

function program(name: string, body: string): void {
  writeFileSync(join(root, "bin", name), `#!/bin/sh\n${body}\n`);
  chmodSync(join(root, "bin", name), 0o755);
}

/** Not synchronous: this process must go on taking leave of its children, or the script waits for dead ones. */
async function rc(
  args: string[],
  environment: Record<string, string> = {},
): Promise<{ status: number | null; stderr: string }> {
  const child = spawn(join(root, "bin", "proxysql_carp"), args, {
    stdio: ["ignore", "ignore", "pipe"],
    env: {
      HOME: "/",
      PATH: "/sbin:/bin:/usr/sbin:/usr/bin",
      RC_CONF: join(root, "rc.conf"),
      ROOT: root,
      ...environment,
    },
  });
  let stderr = "";
  child.stderr.on("data", (data) => {
    stderr += String(data);
  });
  const status = await new Promise<number | null>((done) => child.on("close", done));
  return { status, stderr };
}

/** A process whose pid is in the pidfile, as daemon(8) would have started it. */
async function running(name: string, pidfile: string): Promise<ChildProcess> {
  rmSync(join(root, "ready"), { force: true });
  const child = spawn(join(root, "bin", name), {
    stdio: "ignore",
    env: { PATH: process.env.PATH, ROOT: root },
  });
  children.push(child);
  writeFileSync(join(root, "run", pidfile), `${child.pid}\n`);
  await waitFor(`${name} runs`, () => existsSync(join(root, "ready")));
  return child;
}

function text(name: string): string {
  return existsSync(join(root, name)) ? readFileSync(join(root, name), "utf8") : "";
}

describe("rc.d/proxysql_carp", () => {
  it("makes the directories with their owners and starts the agent under daemon(8)", async () => {
    expect((await rc(["start"])).status).toBe(0);
    const db = join(root, "db");
    expect(text("calls").trim().split("\n")).toEqual([
      `install -d -o root -g wheel -m 0755 ${root}/run`,
      `install -d -o root -g wheel -m 0711 ${db}`,
      `install -d -o root -g wheel -m 0700 ${db}/spool`,
      `install -d -o proxysql-carp -g proxysql-carp -m 0700 ${db}/inbox ${db}/outbox ${db}/quarantine`,
      `daemon -c -f -P ${root}/run/supervisor.pid -p ${root}/run/agent.pid -R 5 -S -T proxysql_carp -t proxysql_carp ` +
        `${root}/bin/node ${root}/cli.js --config ${root}/config.toml agent`,
    ]);
  });

  it("does not start without its configuration", async () => {
    rmSync(join(root, "config.toml"));
    expect((await rc(["start"])).status).toBe(1);
    expect(text("calls")).toBe("");
  });

  it("does not start when a directory cannot be made", async () => {
    program("install", "exit 71");
    expect((await rc(["start"])).status).toBe(1);
    expect(text("calls")).toBe("");
  });

  it("reloads the agent, not its supervisor", async () => {
    await running("node", "agent.pid");
    expect((await rc(["reload"])).status).toBe(0);
    await waitFor("signalled", () => text("signals") === "HUP\n");
    writeFileSync(join(root, "run", "agent.pid"), "999999999\n");
    expect((await rc(["reload"])).status).toBe(1);
  });

  it("hands arguments on to the command line program", async () => {
    program("node", `echo "node $*" >>${root}/calls`);
    expect((await rc(["configtest", "--some-option"])).status).toBe(0);
    expect(text("calls")).toBe(
      `node ${root}/cli.js --config ${root}/config.toml config check --some-option\n`,
    );
  });

  it("moves the role without asking: there is nobody on its terminal", async () => {
    program("node", `echo "node $*" >>${root}/calls`);
    expect((await rc(["switchover", "--dry-run"])).status).toBe(0);
    expect(text("calls")).toBe(
      `node ${root}/cli.js --config ${root}/config.toml switchover --yes --dry-run\n`,
    );
  });

  it("fails a command that the program fails", async () => {
    program("node", "exit 78");
    expect((await rc(["configtest"])).status).toBe(1);
  });

  it("stops the agent and leaves no pidfile", async () => {
    const agent = await running("node", "agent.pid");
    expect((await rc(["stop"])).status).toBe(0);
    await waitFor("ended", () => agent.exitCode === 0);
    expect(existsSync(join(root, "run", "agent.pid"))).toBe(false);
    expect(text("calls")).toBe("");
    expect((await rc(["stop"])).status).toBe(1);
    expect((await rc(["faststop"])).status).toBe(0);
  });

  it("kills an agent that does not end in time", async () => {
    configure("stubborn", "proxysql_carp_stop_timeout=1");
    const agent = await running("stubborn", "agent.pid");
    expect((await rc(["stop"])).stderr).toContain("did not end within 1 s: killed");
    await waitFor("ended", () => agent.signalCode === "SIGKILL");
  });

  it.each([
    [
      "at reboot the address is given away first",
      "reboot",
      "",
      "MASTER",
      "sysctl net.inet.carp.demotion=240\n",
    ],
    ["not on the way to single user mode", "single", "", "MASTER", ""],
    ["not if the peer has it already", "reboot", "", "BACKUP", ""],
    ["not if told not to", "reboot", "proxysql_carp_handover=NO", "MASTER", ""],
  ])("%s", async (_what, shutdown, setting, role, calls) => {
    configure("node", setting);
    writeFileSync(join(root, "role"), `${role}\n`);
    await running("node", "agent.pid");
    expect((await rc(["faststop"], { rc_shutdown: shutdown })).status).toBe(0);
    expect(text("calls")).toBe(calls);
  });
});
