import { spawn, spawnSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { writeBootTime } from "../../support/host/boot-time.js";
import { waitFor } from "../../support/host/wait.js";

const bin = resolve("test/support/host/bin");
let state: string;

beforeEach(() => {
  state = mkdtempSync(join(tmpdir(), "host-"));
});

afterEach(() => {
  call("service", "proxysql", "onestop");
  rmSync(state, { recursive: true, force: true });
});

function environment(): NodeJS.ProcessEnv {
  return { PATH: `${bin}:/sbin:/bin:/usr/sbin:/usr/bin`, HOST_STATE: state };
}

function call(program: string, ...args: string[]): { status: number | null; stdout: string; stderr: string } {
  return spawnSync(join(bin, program), args, { encoding: "utf8", env: environment(), timeout: 20_000 });
}

function keep(path: string, content: string): void {
  mkdirSync(join(state, path, ".."), { recursive: true });
  writeFileSync(join(state, path), `${content}\n`);
}

function fixture(name: string): string {
  return readFileSync(`test/fixtures/freebsd/${name}.txt`, "utf8");
}

describe("ifconfig of the test host", () => {
  it.each([
    ["MASTER", "0", "ifconfig-14-master"],
    ["BACKUP", "100", "ifconfig-14-backup"],
  ])("prints %s as FreeBSD 14 does", (role, skew, name) => {
    keep("carp/9@em0/role", role);
    keep("carp/9@em0/advskew", skew);
    expect(call("ifconfig", "em0").stdout).toBe(fixture(name));
    expect(call("ifconfig").stdout.startsWith(fixture(name))).toBe(true);
  });

  it("is INIT without carrier, whatever the role file says", () => {
    keep("carp/9@em0/role", "MASTER");
    keep("carrier-em0", "0");
    const { stdout } = call("ifconfig");
    expect(stdout).toContain("\tcarp: INIT vhid 9 advbase 1 advskew 0\n");
    expect(stdout).toContain("\tstatus: no carrier\n");
  });

  it("tells of several vhids and refuses an unknown interface", () => {
    keep("carp/9@vlan0.10/role", "MASTER");
    keep("carp/10@vlan0.10/role", "BACKUP");
    expect(call("ifconfig").stdout.match(/carp: \w+ vhid \d+/g)).toEqual([
      "carp: BACKUP vhid 10",
      "carp: MASTER vhid 9",
    ]);
    expect(call("ifconfig", "em1").status).toBe(1);
  });
});

describe("sysctl of the test host", () => {
  it("adds to the demotion, also when many write at once, and sets the others", async () => {
    const ended = Array.from({ length: 20 }, () => {
      const child = spawn(join(bin, "sysctl"), ["net.inet.carp.demotion=12"], {
        env: environment(),
        stdio: "ignore",
      });
      return new Promise((done) => child.on("exit", done));
    });
    await Promise.all(ended);
    expect(call("sysctl", "net.inet.carp.demotion=-100").stdout).toBe("net.inet.carp.demotion: 240 -> 140\n");
    call("sysctl", "net.inet.carp.preempt=1");
    call("sysctl", "net.inet.carp.preempt=1");
    expect(call("sysctl", "-n", "net.inet.carp.preempt", "net.inet.carp.demotion").stdout).toBe("1\n140\n");
  });

  it.each([
    ["net.inet.other"],
    ["net.inet.carp.demotion=x"],
    ["net.inet.carp.demotion=1-1"],
    ["kern.boottime=1"],
  ])("refuses %s", (argument) => {
    expect(call("sysctl", argument).status).toBe(1);
  });

  it("tells the time of the boot as FreeBSD does, another one after each boot", () => {
    const form = /^\{ sec = \d{10}, usec = \d{1,6} \} \w{3} \w{3} [ \d]\d \d\d:\d\d:\d\d \d{4}\n$/;
    const unbooted = call("sysctl", "-n", "kern.boottime").stdout;
    expect(unbooted).toMatch(form);
    writeBootTime(state);
    const first = call("sysctl", "-n", "kern.boottime").stdout;
    expect(first).toMatch(form);
    expect(Math.abs(Number(/sec = (\d+)/.exec(first)?.[1]) - Date.now() / 1000)).toBeLessThan(60);
    expect(call("sysctl", "-n", "kern.boottime").stdout).toBe(first);
    writeBootTime(state);
    expect(call("sysctl", "-n", "kern.boottime").stdout).not.toBe(first);
    expect(call("sysctl", "-n", "net.inet.carp.allow", "kern.boottime").stdout).toMatch(/^1\n\{ sec/);
  });

  it("fails or hangs when told to: all of it, writes alone, or after the write", () => {
    const demotion = "net.inet.carp.demotion";
    const briefly = (...args: string[]) =>
      spawnSync(join(bin, "sysctl"), args, { encoding: "utf8", env: environment(), timeout: 500 });
    keep("sysctl.fail", "");
    expect(call("sysctl", "-n", demotion)).toMatchObject({ status: 1, stdout: "" });
    rmSync(join(state, "sysctl.fail"));
    keep("sysctl.hang", "");
    expect(briefly("-n", demotion)).toMatchObject({ signal: "SIGTERM", stdout: "" });
    rmSync(join(state, "sysctl.hang"));
    keep("sysctl.write.fail", "");
    expect(call("sysctl", `${demotion}=1`).status).toBe(1);
    rmSync(join(state, "sysctl.write.fail"));
    keep("sysctl.write.hang", "");
    expect(briefly(`${demotion}=1`).signal).toBe("SIGTERM");
    expect(call("sysctl", "-n", demotion).stdout).toBe("0\n");
    rmSync(join(state, "sysctl.write.hang"));
    keep("sysctl.write.late", "");
    expect(briefly(`${demotion}=1`).signal).toBe("SIGTERM");
    expect(call("sysctl", "-n", demotion).stdout).toBe("1\n");
  });
});

describe("service of the test host", () => {
  const started = (): number =>
    existsSync(join(state, "starts")) ? readFileSync(join(state, "starts"), "utf8").length : 0;

  function program(body: string): void {
    keep("proxysql.command", `/bin/sh\n-c\n${body}`);
    keep("proxysql.delay", "0.1");
  }

  it("starts at once, knows the state, and stops", async () => {
    program(`printf s >>${state}/starts; exec sleep 300`);
    expect(call("service", "proxysql", "onestatus").status).toBe(1);
    expect(call("service", "proxysql", "onestart").status).toBe(0);
    await waitFor("started", () => started() === 1);
    expect(call("service", "proxysql", "onestatus")).toMatchObject({ status: 0 });
    expect(call("service", "proxysql", "onestart").status).toBe(1);
    expect(call("service", "proxysql", "onestop").status).toBe(0);
    expect(call("service", "proxysql", "onestatus").status).toBe(1);
    expect(call("service", "proxysql", "onestop").status).toBe(1);
    expect(started()).toBe(1);
  });

  it("runs again what ended by itself, as daemon -r -R, also with status 0", async () => {
    program(`printf s >>${state}/starts; exit 0`);
    expect(call("service", "proxysql", "onestart").status).toBe(0);
    await waitFor("started again", () => started() >= 3);
    expect(call("service", "proxysql", "onestatus").status).toBe(0);
    call("service", "proxysql", "onestop");
    const then = started();
    expect(call("service", "proxysql", "onestatus").status).toBe(1);
    expect(started()).toBe(then);
  });

  it("does nothing without `one` while not enabled, with status 0", () => {
    program(`printf s >>${state}/starts; exec sleep 300`);
    expect(call("service", "proxysql", "start").status).toBe(0);
    expect(call("service", "proxysql", "onestatus").status).toBe(1);
  });

  it.each([
    ["fail", 1],
    ["noop", 0],
  ])("can %s without a start", (how, status) => {
    program(`printf s >>${state}/starts; exec sleep 300`);
    keep(`service.start.${how}`, "");
    expect(call("service", "proxysql", "onestart").status).toBe(status);
    expect(call("service", "proxysql", "onestatus").status).toBe(1);
  });

  it("can hang", async () => {
    keep("service.start.hang", "");
    const child = spawn(join(bin, "service"), ["proxysql", "onestart"], {
      env: environment(),
      stdio: "ignore",
    });
    await waitFor("asked", () => existsSync(join(state, "service.log")));
    await waitFor("it sleeps", () => readFileSync(`/proc/${child.pid}/cmdline`, "utf8").startsWith("sleep"));
    expect(child.exitCode).toBeNull();
    child.kill("SIGKILL");
  });
});
