import { beforeAll, describe, expect, it } from "vitest";
import {
  carpRole,
  freezeAgent,
  type Host,
  runOnce,
  setFailing,
  startAgent,
  stopAgent,
} from "../../support/host/host.js";
import { hostOf, shopDatabase, startAll } from "../../support/host/netns.js";
import { journalOf, patience, waitUntilLeading } from "../../support/host/pair.js";
import { describeHosts } from "../../support/host/suite.js";
import {
  pairAtRest,
  progressOf,
  runningSwitchover,
  stepRuns,
  switchOver,
} from "../../support/host/switchover.js";
import {
  changeServers,
  heldSteps,
  holdAnyAt,
  type Roles,
  statements,
} from "../../support/host/switchover-holds.js";
import { openTerminal, type Terminal } from "../../support/host/terminal.js";
import { waitFor } from "../../support/host/wait.js";

const shop = "db1.example db2.example db3.example";
const sides = ["giving", "taking"] as const;

/** Somebody's question waits for an agent that stands still: its socket is there once more, as a connection. */
async function waitUntilAgentIsAsked(host: Host): Promise<void> {
  const sockets = (): string[] =>
    runOnce(host, ["cat", "/proc/net/unix"])
      .stdout.split("\n")
      .filter((line) => line.endsWith("agent.sock"));
  await waitFor("the agent is asked", () => sockets().length > 1, patience, 20);
}

/** How many switchovers were begun, after their check. */
function begunBy(hosts: readonly Host[]): number {
  return hosts.flatMap((host) => journalOf(host).notes).filter((kind) => kind === "switchover-begins").length;
}

// With the key, on a terminal: whatever an operator interrupts leaves a pair that converges, and says what is.
describeHosts("Ctrl-C at a switchover", (makeLab) => {
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

  /** Asked and not answered yet. */
  async function asked(side: (typeof sides)[number], { active, passive }: Roles): Promise<Terminal> {
    const terminal = openTerminal(side === "giving" ? active : passive, ["switchover"]);
    await terminal.says("[y/N]");
    return terminal;
  }

  /** An agent that stands still for seconds may hear of it too late; either way it says what is so. */
  async function endsAsItSays(terminal: Terminal, roles: Roles): Promise<void> {
    await endsAs((await terminal.ended) === 0 ? "done" : "undone", terminal, roles);
  }

  /** The role stays and everything is as before, or it has moved; and the pair is fit for the next one. */
  async function endsAs(
    ended: "undone" | "done",
    terminal: Terminal,
    { active, passive }: Roles,
  ): Promise<void> {
    expect(await terminal.ended, terminal.said()).toBe(ended === "done" ? 0 : 1);
    const words =
      ended === "done" ? `${passive.name} is MASTER and serves` : "The role was not moved: It was cancelled.";
    expect(terminal.said()).toContain(words);
    const wanted = ended === "done" ? passive : active;
    expect(carpRole(wanted)).toBe("MASTER");
    const rest = await pairAtRest(pair, servers);
    expect(rest.active.name).toBe(wanted.name);
    expect(await switchOver(rest.active)).toMatchObject({ state: "done", error: null });
  }

  function givenUp(active: Host, begun: { id: string }): Promise<unknown> {
    return waitFor(
      "the agent gives it up",
      async () => {
        const { state, steps } = await progressOf(active, begun);
        return state !== "running" || steps.some((step) => step.state === "failed");
      },
      patience,
      20,
    );
  }

  describe.each(heldSteps)("at %s", (step) => {
    // Once the peer has the role it is finished.
    const ends = step === "prove" || step === "settle" ? "done" : "undone";

    it.each(sides)(`on the %s side: it is ${step === "record" ? "done or undone" : ends}`, async (side) => {
      const roles = await pairAtRest(pair, servers);
      let terminal: Terminal | undefined;
      const { result, letGo } = await holdAnyAt(step, roles, newServer(), async () => {
        terminal = await asked(side, roles);
        terminal.answerYes();
        const { id } = await runningSwitchover(roles.active);
        return { id, terminal };
      });
      try {
        result.terminal.pressCtrlC();
        await result.terminal.says("Giving it up");
        // Held no longer than until the agent has heard of it; while it writes its journal it hears nothing.
        if (ends === "undone" && step !== "record") await givenUp(roles.active, result);
      } finally {
        letGo();
      }
      if (step === "record") await endsAsItSays(result.terminal, roles);
      else await endsAs(ends, result.terminal, roles);
    });
  });

  it.each(sides)("at the question, on the %s side: nothing is begun", async (side) => {
    const roles = await pairAtRest(pair, servers);
    const before = begunBy(pair);
    const terminal = await asked(side, roles);
    terminal.pressCtrlC();
    expect(await terminal.ended, terminal.said()).toBe(1);
    expect(terminal.said()).toContain("nothing more was done");
    expect(begunBy(pair)).toBe(before);
    expect((await pairAtRest(pair, servers)).active.name).toBe(roles.active.name);
  });

  it("at check: nothing is begun", async () => {
    const roles = await pairAtRest(pair, servers);
    const before = begunBy(pair);
    const terminal = await asked("giving", roles);
    freezeAgent(roles.passive, true);
    try {
      terminal.answerYes();
      const { id } = await runningSwitchover(roles.active);
      await stepRuns(roles.active, { id }, "check");
      terminal.pressCtrlC();
      expect(await terminal.ended, terminal.said()).toBe(1);
    } finally {
      freezeAgent(roles.passive, false);
    }
    expect(begunBy(pair)).toBe(before);
    expect((await pairAtRest(pair, servers)).active.name).toBe(roles.active.name);
  });

  it("before the agent has answered that it begins: it is undone", async () => {
    const roles = await pairAtRest(pair, servers);
    await changeServers(roles.active, newServer());
    const terminal = await asked("giving", roles);
    setFailing(roles.active, "admin.hang", statements.drain);
    freezeAgent(roles.active, true);
    try {
      terminal.answerYes();
      await waitUntilAgentIsAsked(roles.active);
      terminal.pressCtrlC();
      await terminal.says("Giving it up");
      freezeAgent(roles.active, false);
      await givenUp(roles.active, await runningSwitchover(roles.active));
    } finally {
      freezeAgent(roles.active, false);
      setFailing(roles.active, "admin.hang", false);
    }
    await endsAs("undone", terminal, roles);
  });

  it("twice: the command ends at once, and it is undone all the same", async () => {
    const roles = await pairAtRest(pair, servers);
    setFailing(roles.active, "admin.hang", statements.drain);
    const terminal = await asked("giving", roles);
    terminal.answerYes();
    const { id } = await runningSwitchover(roles.active);
    await stepRuns(roles.active, { id }, "drain");
    try {
      terminal.pressCtrlC();
      await terminal.says("Giving it up");
      terminal.pressCtrlC();
      expect(await terminal.ended, terminal.said()).toBe(130);
    } finally {
      setFailing(roles.active, "admin.hang", false);
    }
    expect((await pairAtRest(pair, servers)).active.name).toBe(roles.active.name);
  });

  it("is not needed where the agent is gone: the terminal says so and ends", async () => {
    const roles = await pairAtRest(pair, servers);
    setFailing(roles.active, "admin.hang", statements.drain);
    const terminal = await asked("giving", roles);
    terminal.answerYes();
    const { id } = await runningSwitchover(roles.active);
    await stepRuns(roles.active, { id }, "drain");
    try {
      await stopAgent(roles.active, "SIGKILL");
      expect(await terminal.ended, terminal.said()).toBe(3);
      expect(terminal.said()).toContain("is finished or undone when the agent starts again");
    } finally {
      setFailing(roles.active, "admin.hang", false);
      startAgent(roles.active);
    }
    await pairAtRest(pair, servers);
  });
});
