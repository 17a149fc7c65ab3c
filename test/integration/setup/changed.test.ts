import { execFileSync } from "node:child_process";
import { chmodSync, existsSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { config, makeHost, tree } from "./harness.js";

const rule = "usr/local/etc/devd/proxysql-carp.conf";
const script = "usr/local/etc/rc.d/proxysql_carp";
const log = "var/log/proxysql-carp.log";

describe("what somebody else made", () => {
  it("is not overwritten, and nothing else is done", async () => {
    const host = makeHost();
    host.write(rule, "# mine\n");
    host.write(script, "#!/bin/sh\necho mine\n", 0o755);
    const before = tree(host.root);
    const { code, stderr } = await host.yes();
    expect(code).toBe(1);
    expect(stderr).toContain(`/${rule}: it is there already`);
    expect(stderr).toContain(`/${script}: it is there already`);
    expect(tree(host.root)).toEqual(before);
    const dry = await host.setup(
      "--dry-run",
      "--peer",
      "b",
      "--peer-host",
      "192.0.2.1",
      "--host-key",
      "/nowhere",
    );
    expect(dry.code).toBe(2);
  });

  it("is overwritten with --force and comes back with --remove, its mode too", async () => {
    const host = makeHost();
    host.write(rule, "# mine\n", 0o600);
    host.write(script, "#!/bin/sh\necho mine\n", 0o755);
    const before = tree(host.root);
    expect((await host.yes("--force")).code).toBe(0);
    expect(host.read(rule)).toContain("notify 673");
    expect(host.read(`${rule}.orig`)).toBe("# mine\n");
    // rc(8) would run a copy that can be run.
    expect([host.mode(`${rule}.orig`), host.mode(`${script}.orig`)]).toEqual(["0600", "0644"]);
    expect((await host.yes()).stdout).toContain("Nothing to do");
    expect((await host.setup("--yes", "--remove")).code).toBe(0);
    expect(tree(host.root)).toEqual(before);
  });

  it("stays, and stays the other's, if it is what setup would write", async () => {
    const host = makeHost();
    await host.yes();
    const whole = host.read(rule);
    await host.setup("--yes", "--remove");
    host.write(rule, whole);
    const before = tree(host.root);
    expect((await host.yes()).code).toBe(0);
    await host.setup("--yes", "--remove");
    expect(tree(host.root)).toEqual(before);
  });

  it.each([
    ["a link", (path: string) => ["ln", "-s", "/etc/passwd", path]],
    ["a directory", (path: string) => ["mkdir", path]],
    ["a FIFO", (path: string) => ["mkfifo", path]],
  ])("is never replaced if it is no file: %s", async (_, command) => {
    const host = makeHost();
    mkdirSync(join(host.root, rule, ".."), { recursive: true });
    const [name = "", ...args] = command(join(host.root, rule));
    execFileSync(name, args);
    const { code, stderr } = await host.yes("--force");
    expect(code).toBe(1);
    expect(stderr).toContain(`/${rule}: it is no plain file`);
    expect(existsSync(join(host.root, config))).toBe(false);
  });
});

describe("what somebody changed since", () => {
  it("is refused by name, kept by --remove, and goes with --force", async () => {
    const host = makeHost();
    const before = tree(host.root);
    await host.yes();
    host.write(rule, `${host.read(rule)}# and mine\n`);
    const changed = tree(host.root);
    const again = await host.yes();
    expect(again.code).toBe(1);
    expect(again.stderr).toContain(`/${rule}: somebody changed it since setup wrote it`);
    expect(tree(host.root)).toEqual(changed);

    const removal = await host.setup("--yes", "--remove");
    expect(removal.code).toBe(1);
    expect(removal.stdout).toContain(`Removed, but for /${rule}`);
    expect(host.read(rule)).toContain("# and mine");
    expect(existsSync(join(host.root, config))).toBe(false);
    expect((await host.setup("--yes", "--remove", "--force")).code).toBe(0);
    expect(tree(host.root)).toEqual(before);
  });

  it("is kept as a copy, and left to him, if it is overwritten by force", async () => {
    const host = makeHost();
    await host.yes();
    host.write(rule, "# mine\n");
    expect((await host.yes("--force")).code).toBe(0);
    const removal = await host.setup("--yes", "--remove");
    expect(removal.code).toBe(0);
    expect(removal.stdout).toContain(`What was overwritten stays as /${rule}.orig`);
    expect(host.read(`${rule}.orig`)).toBe("# mine\n");
    expect(existsSync(join(host.root, rule))).toBe(false);
  });

  it("is no obstacle if it only adds to the configuration", async () => {
    const host = makeHost();
    await host.yes();
    host.write(config, `${host.read(config)}\n[http]\n\n[log]\nlevel = "debug"\n`, 0o640);
    const changed = tree(host.root);
    expect((await host.yes()).stdout).toContain("Nothing to do");
    expect(tree(host.root)).toEqual(changed);
    const other = await host.yes("--standby", "cold");
    expect(other.code).toBe(1);
    expect(other.stderr).toContain(`/${config}: somebody changed it`);
    expect((await host.setup("--yes", "--remove")).code).toBe(1);
    expect(host.read(config)).toContain("[http]");
  });

  it("gets its mode again: a password that everybody can read", async () => {
    const host = makeHost();
    await host.yes();
    const whole = tree(host.root);
    chmodSync(join(host.root, "usr/local/etc/proxysql-carp/admin.password"), 0o644);
    expect((await host.yes()).code).toBe(0);
    expect(tree(host.root)).toMatchObject(
      Object.fromEntries(Object.entries(whole).filter(([path]) => !path.endsWith("setup.json"))),
    );
  });

  it("is updated without a question if it is still what setup wrote", async () => {
    const host = makeHost();
    const before = tree(host.root);
    await host.yes();
    expect((await host.yes("--standby", "cold", "--vhid", "7@em3")).code).toBe(0);
    expect(host.read(config)).toContain('standby = "cold"');
    expect(host.read(rule)).toContain('"7@em3"');
    const other = await host.yes("--peer", "c", "--peer-host", "192.0.2.13");
    expect(other.stdout).toContain("Note: No longer a peer: b.");
    await host.setup("--yes", "--remove");
    expect(tree(host.root)).toEqual(before);
  });
});

it("leaves the agent's files and a log that something was written to", async () => {
  const host = makeHost();
  await host.yes();
  host.write("var/db/proxysql-carp/inbox/x", "1");
  host.write(log, "started\n", 0o640);
  const removal = await host.setup("--yes", "--remove");
  expect(removal.code).toBe(0);
  expect(removal.stdout).toContain(`Removed, but for /${log}`);
  expect(host.read(log)).toBe("started\n");
  const forced = await host.setup("--yes", "--remove", "--force");
  expect(forced.code).toBe(0);
  expect(forced.stdout).toContain("Not empty, so they stay: /var/db/proxysql-carp");
  expect(existsSync(join(host.root, log))).toBe(false);
  expect(host.read("var/db/proxysql-carp/inbox/x")).toBe("1");
  expect(existsSync(join(host.root, "var/db/proxysql-carp/setup.json"))).toBe(false);
});

it("is the host's trouble if a file is in the way of a directory: told, and taken back", async () => {
  const host = makeHost();
  host.write("usr/local/libexec", "");
  const before = tree(host.root);
  const { code, stderr } = await host.yes();
  expect(code).toBe(1);
  expect(stderr).toContain("usr/local/libexec");
  expect(stderr).toContain("taken back by --remove");
  expect(stderr).not.toContain("bug");
  expect((await host.setup("--yes", "--remove")).code).toBe(0);
  expect(tree(host.root)).toEqual(before);
});

it("does not work with a record that it cannot read", async () => {
  const host = makeHost();
  await host.yes();
  writeFileSync(join(host.root, "var/db/proxysql-carp/setup.json"), "{");
  const before = tree(host.root);
  for (const args of [["--yes"], ["--yes", "--remove"]]) {
    const { code, stderr } = await host.setup(...args);
    expect(code).toBe(1);
    expect(stderr).toContain("setup.json is not the record");
  }
  expect(tree(host.root)).toEqual(before);
});
