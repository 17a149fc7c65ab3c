import { spawnSync } from "node:child_process";
import { chmodSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { scratch } from "../../../src/snapshot/test-fixtures.js";

const script = "share/periodic/485.proxysql-carp";

/** The script with a stand-in for node, which prints its arguments and ends as it is told. */
function daily(env: NodeJS.ProcessEnv, code = 0): { status: number | null; stdout: string } {
  const dir = scratch();
  const node = join(dir, "node");
  writeFileSync(node, `#!/bin/sh\necho "$@"\nexit ${code}\n`);
  chmodSync(node, 0o755);
  writeFileSync(join(dir, "cli.js"), "");
  const given = { daily_proxysql_carp_node: node, daily_proxysql_carp_program: join(dir, "cli.js"), ...env };
  const { status, stdout } = spawnSync("/bin/sh", [script], {
    env: { PATH: "/bin:/usr/bin", ...given },
    encoding: "utf8",
  });
  return { status, stdout: stdout.replaceAll(dir, "DIR") };
}

describe("the periodic script", () => {
  it("says nothing unless it is enabled", () => {
    expect(daily({})).toEqual({ status: 0, stdout: "" });
    expect(daily({ daily_proxysql_carp_enable: "NO" })).toEqual({ status: 0, stdout: "" });
  });

  it.each([
    [0, 0],
    [1, 3],
    [3, 3],
    [78, 3],
  ])("prints the reasons; they end with %i, it ends with %i", (code, status) => {
    const ended = daily({ daily_proxysql_carp_enable: "yes", daily_proxysql_carp_config: "/a b.toml" }, code);
    expect(ended).toEqual({
      status,
      stdout: "\nProxySQL and CARP: would a failover work now?\nDIR/cli.js --config /a b.toml reasons\n",
    });
  });

  it("says that it is enabled in vain", () => {
    const ended = daily({ daily_proxysql_carp_enable: "YES", daily_proxysql_carp_program: "/nowhere" });
    expect(ended.status).toBe(2);
    expect(ended.stdout).toContain("/nowhere is missing");
  });

  const noShellcheck = spawnSync("shellcheck", ["--version"]).error !== undefined;
  it.skipIf(noShellcheck)("is found good by shellcheck (skipped without it)", () => {
    const { status, stdout } = spawnSync("shellcheck", [script], { encoding: "utf8" });
    expect({ status, stdout }).toEqual({ status: 0, stdout: "" });
  });
});
