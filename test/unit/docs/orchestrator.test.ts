import { spawnSync } from "node:child_process";
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import Database from "better-sqlite3";
import { parse as parseToml } from "smol-toml";
import { describe, expect, it } from "vitest";
import { hookOf } from "../../../src/commands/orchestrator-hook.js";
import { configSchema } from "../../../src/config/schema.js";
import { section } from "./markdown.js";
import { programCommands } from "./program-commands.js";

const text = section(readFileSync("README.md", "utf8"), "Keeping the dead primary dead");
const manual = readFileSync("man/proxysql-carp.8", "utf8");
const script = "share/orchestrator/tell-proxysql-carp";
const program = "/usr/local/libexec/proxysql-carp/dist/cli.js";

/** Orchestrator's lists of hooks, as its documentation of the configuration has them (go/config/config.go:235-243). */
const lists = [
  "OnFailureDetectionProcesses",
  "PostFailoverProcesses",
  "PostGracefulTakeoverProcesses",
  "PostIntermediateMasterFailoverProcesses",
  "PostMasterFailoverProcesses",
  "PostTakeMasterProcesses",
  "PostUnsuccessfulFailoverProcesses",
  "PreFailoverProcesses",
  "PreGracefulTakeoverProcesses",
];

function blocks(kind: string): string[] {
  return [...text.matchAll(/^```(\w*)\n([\s\S]*?)^```$/gm)]
    .filter((match) => match[1] === kind)
    .map((match) => match[2] ?? "");
}

function block(beginning: string): string {
  return blocks("").find((one) => one.startsWith(beginning)) ?? "";
}

const hooks = blocks("json").map((one) => JSON.parse(`{${one}}`) as Record<string, string[]>);
const [inside, outside] = hooks;

describe("what README has for Orchestrator's configuration", () => {
  it("is for this host and for others", () => expect(hooks).toHaveLength(2));

  it.each(hooks)("has each of its lists of hooks, with one command that it does not wait for", (lines) => {
    expect(Object.keys(lines).sort()).toEqual(lists);
    const commands = new Set(Object.values(lines).map((list) => list.join("\n")));
    expect(commands.size).toBe(1);
    for (const command of commands) expect(command).toMatch(/^\/[^&;|<>\n]+ &$/);
  });

  it("calls a command that there is, by absolute paths", () => {
    const words = inside?.PreFailoverProcesses?.[0]?.split(" ") ?? [];
    expect(words.slice(0, 2)).toEqual(["/usr/local/bin/node", program]);
    expect(words.slice(2)).toEqual(["orchestrator", "hook", "&"]);
    expect(programCommands().map(({ name }) => name)).toContain("orchestrator hook");
  });

  it("calls the script that is told to be copied there", () => {
    expect(outside?.PreFailoverProcesses).toEqual([`/usr/local/etc/${script.replace("share/", "")} &`]);
    expect(text).toContain(`\`${script}\``);
  });

  it("binds the script's key to the hook alone", () => {
    const line = block("command=").replaceAll("\n", "");
    expect(line).toMatch(/^command="[^"]+",restrict ssh-ed25519 /);
    const command = /^command="([^"]+)"/.exec(line)?.[1]?.split(" ") ?? [];
    expect(command.slice(0, 2)).toEqual(["/usr/local/bin/node", program]);
    expect(command.slice(2)).toEqual([
      "--config",
      "/usr/local/etc/proxysql-carp.toml",
      "orchestrator",
      "hook",
    ]);
  });
});

describe(script, () => {
  const told = {
    ORC_COMMAND: "force-master-failover",
    ORC_FAILURE_TYPE: "DeadMaster",
    ORC_FAILED_HOST: "db1.example.org",
    ORC_FAILED_PORT: "3306",
    ORC_SUCCESSOR_HOST: "db2.example.org",
    ORC_SUCCESSOR_PORT: "3306",
    ORC_RECOVERY_UID: "1700000000:abc",
  };

  /** The arguments of each ssh that it calls with this environment; `$(...)` and the like would show in them. */
  function calls(env: Record<string, string>): string[][] {
    const dir = mkdtempSync(join(tmpdir(), "hook-"));
    try {
      const ssh = join(dir, "ssh");
      writeFileSync(ssh, `#!/bin/sh\nprintf '%s\\n' "$@" > "${dir}/call.$$"\nexit 255\n`);
      chmodSync(ssh, 0o755);
      const result = spawnSync("sh", [script], { env: { PATH: `${dir}:/usr/bin:/bin`, ...env } });
      expect({ status: result.status, output: String(result.stdout) + result.stderr }).toEqual({
        status: 0,
        output: "",
      });
      const { stdout } = spawnSync("sh", ["-c", `for one in "${dir}"/call.*; do cat "$one"; echo --; done`]);
      return String(stdout)
        .split("--\n")
        .filter(Boolean)
        .map((call) => call.trimEnd().split("\n"));
    } finally {
      rmSync(dir, { recursive: true });
    }
  }

  it("tells each node what Orchestrator told it, in words that the hook there reads, and fails for nobody", () => {
    const all = calls(told);
    expect(all.map((call) => call.find((word) => word.includes("@"))).sort()).toEqual([
      "proxysql-carp@192.0.2.11",
      "proxysql-carp@192.0.2.12",
    ]);
    for (const call of all) {
      const command = call.slice(call.findIndex((word) => word.includes("@")) + 1).join(" ");
      expect(hookOf({ SSH_ORIGINAL_COMMAND: command })).toEqual(hookOf(told));
    }
    expect(hookOf(told)).toMatchObject({ failed: "db1.example.org:3306", successor: "db2.example.org:3306" });
  });

  it("asks nobody, trusts no unknown host key, and does not wait for a host that is away", () => {
    for (const call of calls(told)) {
      for (const option of ["BatchMode=yes", "StrictHostKeyChecking=yes", "ConnectTimeout=2"])
        expect(call[call.indexOf(option) - 1]).toBe("-o");
    }
  });

  it("makes no command of what it is told", () => {
    const sly = "$(id) `id`; id";
    for (const call of calls({ ORC_FAILED_HOST: sly })) expect(call).toContain(`ORC_FAILED_HOST=${sly}`);
  });

  it("says no successor where Orchestrator names none", () => {
    const [call = []] = calls({ ORC_FAILURE_TYPE: "DeadMaster" });
    expect(hookOf({ SSH_ORIGINAL_COMMAND: call.join(" ") })).toEqual({ failure: "DeadMaster" });
  });
});

describe.each([
  ["README", blocks("sql")[0] ?? ""],
  ["proxysql-carp(8)", /^INSERT INTO scheduler[\s\S]*?(?=^\.Ed)/m.exec(manual)?.[0] ?? ""],
])("the row for ProxySQL's scheduler in %s", (_, sql) => {
  const [insert = "", ...rest] = sql
    .trim()
    .split(/;\s*/)
    .filter((one) => one !== "");

  it("is taken by ProxySQL's own table, and starts the command by absolute paths without an environment", () => {
    const db = new Database(":memory:");
    const recorded = new Database("test/fixtures/proxysql/proxysql-2.7.1-default.db", { readonly: true });
    db.exec(String(recorded.prepare("SELECT sql FROM sqlite_master WHERE name='scheduler'").pluck().get()));
    db.exec(insert);
    const row = db.prepare<[], Record<string, unknown>>("SELECT * FROM scheduler").get() ?? {};
    const { active, filename, arg1, arg2, arg3, arg4, arg5 } = row;
    expect({ active, filename }).toEqual({ active: 1, filename: "/usr/local/bin/node" });
    expect([arg1, arg2, arg4, arg5]).toEqual([program, "--config", "fence", "run-once"]);
    expect(arg3).toBe("/usr/local/etc/proxysql-carp/fence.toml");
    expect(programCommands().map(({ name }) => name)).toContain("fence run-once");
  });

  it("is loaded and saved", () => {
    expect(rest).toEqual(["LOAD SCHEDULER TO RUNTIME", "SAVE SCHEDULER TO DISK"]);
  });
});

describe("the configurations in README", () => {
  it("fence as they say", () => {
    const { orchestrator, fence } = parseToml(block("[orchestrator]"));
    expect(configSchema.shape.orchestrator.parse(orchestrator)?.endpoints).toHaveLength(3);
    expect(configSchema.shape.fence.parse(fence)).toEqual({
      mode: "soft",
      hosts: { db1: "db1.example.org" },
    });
  });

  it("name the password file of ProxySQL's user for run-once", () => {
    const change = /sed '([^']+)'/.exec(text)?.[1] ?? "";
    const input = 'admin_password_file = "/usr/local/etc/proxysql-carp/admin.password"\n';
    const { stdout } = spawnSync("sed", [change], { input, encoding: "utf8" });
    expect(stdout).toBe('admin_password_file = "/usr/local/etc/proxysql-carp/fence.password"\n');
    expect(text).toContain("admin.password fence.password");
  });
});
