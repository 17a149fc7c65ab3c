import { beforeAll, expect, it } from "vitest";
import { type Client, startClient } from "../../support/host/client-host.js";
import { mendProxysql } from "../../support/host/guards.js";
import { carpRole, type Host, setFailing } from "../../support/host/host.js";
import { hostOf, shopDatabase, startAll } from "../../support/host/netns.js";
import { journalOf, waitUntilLeading } from "../../support/host/pair.js";
import { describeHosts } from "../../support/host/suite.js";
import { pairAtRest, switchOver, undoneSteps } from "../../support/host/switchover.js";
import { changeServers } from "../../support/host/switchover-holds.js";

const shop = "db1.example db2.example db3.example";

describeHosts("a cold pair", (makeLab) => {
  let pair: [Host, Host];
  let client: Client;
  let servers = shop;

  beforeAll(async () => {
    const more = { carp: 'hold = "1s"', proxysql: 'restarts = 1\nstart_timeout = "4s"' };
    const lab = makeLab({ standby: "cold", databases: [shopDatabase], preempt: true, more });
    pair = [hostOf(lab, "a"), hostOf(lab, "b")];
    await startAll(lab);
    await waitUntilLeading(pair[0], shop);
    await pairAtRest(pair, shop);
    client = await startClient(lab);
  });

  async function change(active: Host): Promise<void> {
    const name = `db4-${String(servers.split(" ").length).padStart(3, "0")}.example`;
    servers = [...servers.split(" "), name].sort().join(" ");
    await changeServers(active, name);
  }

  it("switches over there and back, with what was changed a moment before", async () => {
    for (let time = 0; time < 4; time += 1) {
      const { active, passive } = await pairAtRest(pair, servers);
      await change(active);
      const began = Date.now();
      const document = await switchOver(time % 2 === 0 ? active : passive);
      expect(document).toMatchObject({ state: "done", from: active.name, to: passive.name, undo: [] });
      expect(undoneSteps(document)).toEqual([]);
      await waitUntilLeading(passive, servers);
      expect(client.seenSince(began).failures).toBeGreaterThan(0);
    }
    await pairAtRest(pair, servers);
    for (const host of pair) expect(journalOf(host).notes).not.toContain("divergence");
  });

  it("undoes it when ProxySQL does not start on the other host", async () => {
    const { active, passive } = await pairAtRest(pair, servers);
    await change(active);
    setFailing(passive, "service.start.fail", true);
    try {
      const document = await switchOver(active, { timeoutMs: 10_000 });
      expect(document).toMatchObject({
        state: "undone",
        error: expect.stringContaining("did not prove to serve"),
      });
      expect(carpRole(active)).toBe("MASTER");
    } finally {
      mendProxysql(passive);
    }
    expect((await pairAtRest(pair, servers)).active.name).toBe(active.name);
  });
});
