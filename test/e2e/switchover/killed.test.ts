import { beforeAll, describe, expect, it } from "vitest";
import { type Host, setFailing, startAgent, stopAgent } from "../../support/host/host.js";
import { hostOf, shopDatabase, startAll } from "../../support/host/netns.js";
import { waitUntilLeading } from "../../support/host/pair.js";
import { describeHosts } from "../../support/host/suite.js";
import { pairAtRest, startSwitchover, stepRuns, switchOver } from "../../support/host/switchover.js";
import { changeServers, failing, heldSteps, holdAt } from "../../support/host/switchover-holds.js";

const shop = "db1.example db2.example db3.example";

// Whatever an agent is killed in the middle of, the next one finishes or undoes it.
describeHosts("an agent that is killed in the middle of a switchover", (makeLab) => {
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

  /** A server's name that no other case has. */
  function newServer(): string {
    const name = `db4-${String(servers.split(" ").length).padStart(3, "0")}.example`;
    servers = [...servers.split(" "), name].sort().join(" ");
    return name;
  }

  async function killed(victim: Host, mend: () => void): Promise<void> {
    await stopAgent(victim, "SIGKILL");
    mend();
    startAgent(victim);
    const { active, passive } = await pairAtRest(pair, servers);
    const next = await switchOver(active);
    expect(next).toMatchObject({ state: "done", from: active.name, to: passive.name });
    await pairAtRest(pair, servers);
  }

  describe.each(heldSteps)("at %s", (step) => {
    it.each(["giving", "taking"] as const)("on the %s side", async (side) => {
      const roles = await pairAtRest(pair, servers);
      const { letGo } = await holdAt(step, roles, newServer());
      await killed(side === "giving" ? roles.active : roles.passive, letGo);
    });
  });

  it("when ProxySQL is paused, and nobody has heard of it", async () => {
    const { active } = await pairAtRest(pair, servers);
    await changeServers(active, newServer());
    setFailing(active, "admin.late", "PROXYSQL PAUSE");
    const begun = await startSwitchover(active);
    await stepRuns(active, begun, "pause");
    await killed(active, () => setFailing(active, "admin.late", false));
  });

  it("when this node is demoted, and nobody has heard of it", async () => {
    const { active } = await pairAtRest(pair, servers);
    await changeServers(active, newServer());
    const mend = failing("sysctl.write.late", active);
    const begun = await startSwitchover(active);
    await stepRuns(active, begun, "demote");
    await killed(active, mend);
  });
});
