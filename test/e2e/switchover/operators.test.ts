import { once } from "node:events";
import { rmSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import {
  carpRole,
  cli,
  type Host,
  readLog,
  run,
  serviceCalls,
  setFailing,
  sysctl,
  sysctlWrites,
} from "../../support/host/host.js";
import { hostOf, shopDatabase, startAll } from "../../support/host/netns.js";
import { setReachable } from "../../support/host/network.js";
import { journalOf, patience, statusOf, waitUntilLeading } from "../../support/host/pair.js";
import { describeHosts } from "../../support/host/suite.js";
import {
  cancelSwitchover,
  pairAtRest,
  startSwitchover,
  stepRuns,
  switchOver,
  switchoverEnds,
} from "../../support/host/switchover.js";
import { holdAt, statements } from "../../support/host/switchover-holds.js";
import { openTerminal } from "../../support/host/terminal.js";
import { waitFor } from "../../support/host/wait.js";

const shop = "db1.example db2.example db3.example";

describeHosts("operators who switch over", (makeLab) => {
  let pair: [Host, Host];
  let servers = shop;

  beforeAll(async () => {
    const more = { carp: 'hold = "1s"' };
    const lab = makeLab({ standby: "warm", databases: [shopDatabase], preempt: true, more });
    pair = [hostOf(lab, "a"), hostOf(lab, "b")];
    await startAll(lab);
    await waitUntilLeading(pair[0], shop);
    await pairAtRest(pair, shop);
  });

  function newServer(): string {
    const name = `db4-${String(servers.split(" ").length).padStart(3, "0")}.example`;
    servers = [...servers.split(" "), name].sort().join(" ");
    return name;
  }

  function refused(host: Host, words: RegExp, ...args: string[]): void {
    const { status, stdout, stderr } = cli(host, ["switchover", ...args]);
    expect({ status, stdout, stderr }).toMatchObject({ status: 1 });
    expect(stdout + stderr).toMatch(words);
  }

  /** `switchover --yes` in the background: its end, and what it has said so far. */
  function operator(host: Host): { pid: number; ended: Promise<number | null>; said: () => string } {
    rmSync(join(host.places.logs, "operator.log"), { force: true });
    const { node, app, config } = host.places;
    const child = run(host, "operator", [
      node,
      `${app}/dist/cli.js`,
      "--config",
      config,
      "switchover",
      "--yes",
    ]);
    return {
      pid: child.pid ?? 0,
      ended: once(child, "exit").then(() => child.exitCode),
      said: () => readLog(host, "operator"),
    };
  }

  it("are shown the plan by a dry run, which changes nothing", async () => {
    const { active, passive } = await pairAtRest(pair, shop);
    const trace = (): unknown =>
      pair.map((host) => {
        const { transitions, notes, failures } = journalOf(host);
        const steps = readLog(host, "agent").match(/switchover .* begins/g);
        return [transitions, notes, failures, sysctlWrites(host), serviceCalls(host), carpRole(host), steps];
      });
    const before = trace();
    for (const host of [active, passive]) {
      const { status, stdout } = cli(host, ["switchover", "--dry-run"]);
      expect(status).toBe(0);
      expect(stdout).toContain(`Switchover from ${active.name} to ${passive.name}`);
      expect(stdout).toContain(`${active.name} demotes itself in CARP`);
    }
    const { stdout } = cli(active, ["switchover", "--dry-run", "--json"]);
    expect(JSON.parse(stdout)).toMatchObject({ state: "planned", refusals: [] });
    expect(trace()).toEqual(before);
  });

  it("must say --yes where nobody can answer", () => {
    expect(cli(pair[0], ["switchover"]).status).toBe(2);
    expect(cli(pair[0], ["switchover", "--json"]).status).toBe(2);
    expect(cli(pair[0], ["switchover", "--yes", "--timeout", "0"]).status).toBe(2);
  });

  it("are refused a peer that is not there", async () => {
    const { active } = await pairAtRest(pair, servers);
    refused(active, /There is no peer nobody/, "--yes", "--to", "nobody");
  });

  it("are refused in maintenance, on either side", async () => {
    const { active, passive } = await pairAtRest(pair, servers);
    for (const host of [passive, active]) {
      expect(cli(host, ["maintenance", "on"]).status).toBe(0);
      await waitFor(
        "the peer knows",
        () => statusOf(active).maintenance !== null || statusOf(active).reasons.length > 0,
        patience,
        200,
      );
      refused(active, /is in maintenance/, "--yes", "--force");
      refused(passive, /is in maintenance/, "--yes");
      expect(cli(host, ["maintenance", "off"]).status).toBe(0);
      await pairAtRest(pair, servers);
    }
  });

  it("are refused while no peer can be reached", async () => {
    const { active, passive } = await pairAtRest(pair, servers);
    setReachable(active.port, passive.port, false);
    try {
      refused(active, /cannot be asked/, "--yes", "--force");
      // Until the link is known to be down it is tried, and told as what it is.
      refused(passive, /cannot be asked|is silent|did not answer|is not connected/, "--yes");
    } finally {
      setReachable(active.port, passive.port, true);
    }
    await pairAtRest(pair, servers);
  });

  it("override a reason by --force, and are told which", async () => {
    const { active, passive } = await pairAtRest(pair, servers);
    sysctl(passive, "net.inet.carp.demotion=10");
    try {
      await waitFor(
        "it is refused",
        async () => (await switchOver(active, { dryRun: true })).refusals.length > 0,
        patience,
        200,
      );
      refused(active, /is demoted by 10/, "--yes");
      const { status, stdout } = cli(active, ["switchover", "--yes", "--force"]);
      expect({ status, stdout }).toMatchObject({
        status: 0,
        stdout: expect.stringMatching(/Overridden by --force: .* demoted by 10/),
      });
    } finally {
      sysctl(passive, "net.inet.carp.demotion=-10");
    }
    await pairAtRest(pair, servers);
  });

  it("get one document with --json", async () => {
    const { passive } = await pairAtRest(pair, servers);
    const { status, stdout, stderr } = cli(passive, ["switchover", "--yes", "--json"]);
    expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
    expect(JSON.parse(stdout)).toMatchObject({ schema: "proxysql-carp/switchover/v1", state: "done" });
  });

  it("are asked on a terminal, and see the steps there", async () => {
    const { active } = await pairAtRest(pair, servers);
    const terminal = openTerminal(active, ["switchover"]);
    await terminal.says("[y/N]");
    terminal.answerYes();
    expect(await terminal.ended, terminal.said()).toBe(0);
    const stdout = terminal.said();
    expect(stdout).toContain("Move the role from");
    expect(stdout).toContain("\u001b[");
    expect(stdout).toMatch(/✔.* becomes MASTER/);
    expect(stdout).toContain("is MASTER and serves, after");
  });

  it("are refused while one runs, from either host", async () => {
    const roles = await pairAtRest(pair, servers);
    const { active, passive } = roles;
    const { begun, letGo } = await holdAt("drain", roles, newServer());
    refused(active, /is giving the role to .* already/, "--yes");
    refused(passive, /is giving the role to .* already/, "--yes");
    letGo();
    expect(await switchoverEnds(active, begun)).toMatchObject({ state: "done" });
    await pairAtRest(pair, servers);
  });

  it("two at once, on both hosts: one moves it, the other is told", async () => {
    const { active, passive } = await pairAtRest(pair, servers);
    const operators = [operator(active), operator(passive)];
    const codes = await Promise.all(operators.map(({ ended }) => ended));
    const said = operators.map((one) => one.said()).join("\n");
    expect(codes.sort(), said).toEqual([0, 1]);
    expect(said).toContain(`${passive.name} is MASTER and serves`);
    expect((await pairAtRest(pair, servers)).active.name).toBe(passive.name);
  });

  describe.each(["giving", "taking"] as const)("whose terminal on the %s side", (side) => {
    it("is killed: it goes on", async () => {
      const { active, passive } = await pairAtRest(pair, servers);
      setFailing(active, "admin.hang", statements.drain);
      const { pid, ended, said } = operator(side === "giving" ? active : passive);
      await waitFor("it pauses", () => said().includes("takes no new clients"), patience);
      process.kill(pid, "SIGKILL");
      await ended;
      setFailing(active, "admin.hang", false);
      await waitFor("it moves", () => carpRole(passive) === "MASTER", patience);
      expect((await pairAtRest(pair, servers)).active.name).toBe(passive.name);
    });

    it("gets Ctrl-C: it is undone, and says so", async () => {
      const { active, passive } = await pairAtRest(pair, servers);
      setFailing(active, "admin.hang", statements.drain);
      const { pid, ended, said } = operator(side === "giving" ? active : passive);
      await waitFor("it pauses", () => said().includes("takes no new clients"), patience);
      process.kill(pid, "SIGINT");
      await waitFor("it is told", () => said().includes("Giving it up"), patience);
      setFailing(active, "admin.hang", false);
      expect(await ended, said()).toBe(1);
      expect(said()).toContain("The role was not moved: It was cancelled.");
      expect(said()).toContain(`${active.name} is as it was before.`);
      expect((await pairAtRest(pair, servers)).active.name).toBe(active.name);
    });
  });

  it("end one that they began on the other host", async () => {
    const { active, passive } = await pairAtRest(pair, servers);
    setFailing(active, "admin.hang", statements.drain);
    const begun = await startSwitchover(passive);
    await stepRuns(passive, begun, "drain");
    await cancelSwitchover(passive, begun);
    setFailing(active, "admin.hang", false);
    expect(await switchoverEnds(passive, begun)).toMatchObject({
      state: "undone",
      error: "It was cancelled.",
    });
    expect((await pairAtRest(pair, servers)).active.name).toBe(active.name);
  });
});
