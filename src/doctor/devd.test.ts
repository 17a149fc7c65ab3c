import { describe, expect, it } from "vitest";
import type { DevdConfig } from "../carp/devd-config.js";
import { parseDevdFile } from "../carp/devd-rules.js";
import { judgeDevd } from "./devd-process.js";
import { judgeRules } from "./devd-rules.js";
import { hookCallIn, judgeHook } from "./hook.js";
import { told } from "./test-told.js";

describe("devd", () => {
  const running = { pipe: undefined, pid: 7, alive: true, configured: true };
  it.each([
    [running, true, /^ok: runs as pid 7; \/var\/run\/devd\.pipe accepts$/],
    [{ ...running, pipe: "ECONNREFUSED" }, true, /^warning: .*\| devd takes ten listeners/],
    [{ ...running, pipe: "ENOENT", alive: false }, true, /^failing: devd does not run/],
    [{ pipe: "ENOENT", pid: null, alive: false, configured: false }, true, /^failing/],
    [{ pipe: "ENOENT", pid: null, alive: false, configured: false }, false, /^not-checked: no devd here/],
  ])("process %#", (seen, isFreebsd, expected) => {
    expect(told(judgeDevd(seen, isFreebsd))).toMatch(expected);
  });

  function configOf(text: string, broken: string | null = null): DevdConfig {
    const file = "/usr/local/etc/devd/proxysql-carp.conf";
    return { rules: parseDevdFile(text, file).rules, variables: new Map(), broken };
  }
  const rule = (action: string, priority = 673): string =>
    `notify ${priority} { match "system" "CARP"; action "${action}"; };`;
  const ours = rule("/usr/local/libexec/proxysql-carp-notify $type $subsystem");

  it("rules", () => {
    const judged = (config: DevdConfig | null, isFreebsd = true) =>
      told(judgeRules(config, ["9@em0"], isFreebsd));
    expect(judged(configOf(ours))).toBe("ok: proxysql-carp.conf:1 gets every event of 9@em0");
    expect(judged(configOf(""))).toMatch(/^failing: No rule/);
    expect(judged(configOf(`${ours} ${rule("true", 900)}`))).toMatch(/^failing: .*priority 900/);
    expect(judged({ ...configOf(""), broken: "/etc/devd/x.conf:3: no" })).toMatch(/^failing: .*x\.conf:3/);
    expect(judged(null)).toMatch(/^failing/);
    expect(judged(null, false)).toMatch(/^not-checked/);
  });

  it("takes an action apart as sh would", () => {
    const call = hookCallIn(
      configOf(rule("A=1 PROXYSQL_CARP_RUN_DIR='/x' /h/proxysql-carp-notify $type $subsystem")),
      "9@em0",
    );
    expect(call).toMatchObject({
      program: "/h/proxysql-carp-notify",
      env: { A: "1", PROXYSQL_CARP_RUN_DIR: "/x" },
    });
    expect(hookCallIn(configOf(""), "9@em0")).toBeNull();
    expect(hookCallIn(null, "9@em0")).toBeNull();
  });

  const call = hookCallIn(configOf(ours), "9@em0");
  const file = {
    error: undefined,
    isFile: true,
    executable: true,
    mode: 0o755,
    uid: 0,
    interpreter: "/bin/sh",
    interpreterFound: true,
  };
  const usual = { run_dir: "/var/run/proxysql-carp", state_dir: "/var/db/proxysql-carp" };
  it.each([
    [{}, usual, /^ok/],
    [{ error: "ENOENT" }, usual, /^failing: .*ENOENT.*install -m 0755/],
    [{ isFile: false }, usual, /^failing: .*no file/],
    [{ executable: false }, usual, /^failing: .*executed.* chmod 0755/],
    [{ mode: 0o777 }, usual, /^failing: .*others can change what devd runs as root/],
    [
      { interpreter: "/usr/bin/env node", interpreterFound: false },
      usual,
      /^failing: .*"\/usr\/bin\/env node"/,
    ],
    [{}, { ...usual, run_dir: "/x" }, /^warning: .*the agent is in \/x .*PROXYSQL_CARP_RUN_DIR=\/x/],
  ])("hook %#", (changed, directories, expected) => {
    expect(told(judgeHook(call, { ...file, ...changed }, directories))).toMatch(expected);
    expect(judgeHook(null, null, directories).state).toBe("not-checked");
  });
});
