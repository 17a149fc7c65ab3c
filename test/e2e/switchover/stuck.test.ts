import { join } from "node:path";
import { createConnection } from "mysql2/promise";
import { beforeAll, describe, expect, it } from "vitest";
import { carpRole, freezeProxysql, type Host, run, setFailing } from "../../support/host/host.js";
import { hostOf, shopDatabase, startAll } from "../../support/host/netns.js";
import { newestHeld, patience, statusOf, waitUntilLeading } from "../../support/host/pair.js";
import { describeHosts } from "../../support/host/suite.js";
import {
  askAgent,
  pairAtRest,
  type SwitchoverDocument,
  startSwitchover,
  stepRuns,
  switchOver,
  switchoverEnds,
} from "../../support/host/switchover.js";
import {
  changeServers,
  holdAt,
  lockJournal,
  type Roles,
  spoilRecord,
  statements,
} from "../../support/host/switchover-holds.js";
import { waitFor } from "../../support/host/wait.js";

const shop = "db1.example db2.example db3.example";
const drainTimeoutMs = 1_500;
/** What hangs is held longer than this: the switchover must have ended before. */
const boundMs = 40_000;

// Steps that hang: each has a deadline, and the agent goes on answering meanwhile.
describeHosts("a switchover of which a step hangs", (makeLab) => {
  let pair: [Host, Host];
  let servers = shop;

  beforeAll(async () => {
    const more = { carp: 'hold = "1s"', proxysql: `drain_timeout = "${drainTimeoutMs}ms"` };
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

  /** The pair is fit, with the role at `wanted`, and another switchover works. */
  async function converges(wanted: Host): Promise<void> {
    const rest = await pairAtRest(pair, servers);
    expect(rest.active.name).toBe(wanted.name);
    expect(await switchOver(rest.active)).toMatchObject({ state: "done", error: null });
  }

  function stepOf({ steps }: SwitchoverDocument, name: string): { state: string; ms: number | null } {
    const found = steps.find(({ step }) => step === name);
    if (found === undefined) throw new Error(`no step ${name}`);
    return found;
  }

  /** How long the agent takes to answer. */
  async function answersAfterMs(host: Host): Promise<number> {
    const began = performance.now();
    await askAgent(host, { op: "maintenance-status" });
    return performance.now() - began;
  }

  it.each([
    // Held at the step before, so that it is this one that finds the journal locked.
    { step: "record", heldAt: "ship" },
    { step: "demote", heldAt: "drain" },
  ] as const)("$step: another process holds the journal: it is undone", async ({ step, heldAt }) => {
    const roles = await pairAtRest(pair, servers);
    const { active, passive } = roles;
    const before = statusOf(active).running?.text;
    const { begun, letGo } = await holdAt(heldAt, roles, newServer());
    // Taking the last snapshot is written down, too.
    await waitFor(
      "the last snapshot is shipped",
      () => {
        const ours = statusOf(active).running?.text;
        return ours !== before && newestHeld(passive) === ours;
      },
      patience,
    );
    const unlock = lockJournal(active);
    try {
      letGo();
      const ended = await switchoverEnds(active, begun);
      expect(ended).toMatchObject({ state: "undone", error: expect.stringMatching(/journal.db: .* locked/) });
      expect(stepOf(ended, step).state).toBe("failed");
      expect(ended.ms).toBeLessThan(boundMs);
      expect(carpRole(active)).toBe("MASTER");
      expect(await answersAfterMs(active)).toBeLessThan(3_000);
    } finally {
      unlock();
    }
    await converges(active);
  });

  it("settle: another process holds the journal: it has moved all the same", async () => {
    const roles = await pairAtRest(pair, servers);
    const { active, passive } = roles;
    const { begun, letGo } = await holdAt("prove", roles, newServer());
    const unlock = lockJournal(active);
    try {
      letGo();
      const ended = await switchoverEnds(active, begun);
      expect(ended).toMatchObject({ state: "done", error: null });
      expect(stepOf(ended, "settle").ms).toBeLessThan(3_000);
      expect(carpRole(passive)).toBe("MASTER");
      expect(await answersAfterMs(active)).toBeLessThan(3_000);
    } finally {
      unlock();
    }
    await converges(passive);
  });

  it.each(["record", "settle"] as const)("%s: the disk takes seconds for it: it goes on", async (step) => {
    const { active, passive } = await pairAtRest(pair, servers);
    const mend = spoilRecord(active, step, "slow");
    try {
      const ended = await switchOver(active);
      expect(stepOf(ended, step).ms).toBeGreaterThan(500);
      expect(ended).toMatchObject({ state: "done", error: null });
    } finally {
      mend();
    }
    await converges(passive);
  });

  describe("drain", () => {
    it("a client never leaves: it is waited for no longer than drain_timeout", async () => {
      const { active, passive } = await pairAtRest(pair, servers);
      const client = await stayingClient(active);
      try {
        const ended = await switchOver(active);
        expect(ended).toMatchObject({ state: "done", error: null });
        expect(ended.steps.find(({ step }) => step === "drain")?.detail).toBe("1 clients stayed");
        expect(stepOf(ended, "drain").ms).toBeGreaterThan(drainTimeoutMs - 200);
      } finally {
        client.end();
      }
      await converges(passive);
    });

    it("a client leaves in time: nobody waits longer", async () => {
      const roles = await pairAtRest(pair, servers);
      const client = await stayingClient(roles.active);
      // Counting is held until the client has gone.
      const { begun, letGo } = await holdAt("drain", roles, newServer());
      client.end();
      letGo();
      const ended = await switchoverEnds(roles.active, begun);
      expect(ended.steps.find(({ step }) => step === "drain")?.detail).toBe("no clients left");
      await converges(roles.passive);
    });

    it.each([
      {
        what: "the admin does not tell how many there are",
        hang: ({ active }: Roles) => {
          setFailing(active, "admin.hang", statements.drain);
          return () => setFailing(active, "admin.hang", false);
        },
      },
      {
        what: "ProxySQL stands still",
        hang: ({ active }: Roles) => {
          freezeProxysql(active, true);
          return () => freezeProxysql(active, false);
        },
      },
    ])("$what: it is given up soon after drain_timeout, and undone", async ({ hang }) => {
      const roles = await pairAtRest(pair, servers);
      const { active } = roles;
      await changeServers(active, newServer());
      setFailing(active, "admin.hang", statements.drain);
      const begun = await startSwitchover(active);
      await stepRuns(active, begun, "drain");
      const mend = hang(roles);
      try {
        const ended = await switchoverEnds(active, begun);
        expect(["undone", "failed"]).toContain(ended.state);
        expect(stepOf(ended, "drain").state).toBe("failed");
        expect(stepOf(ended, "drain").ms).toBeLessThan(drainTimeoutMs + 6_000);
        expect(ended.ms).toBeLessThan(boundMs);
        expect(carpRole(active)).toBe("MASTER");
      } finally {
        setFailing(active, "admin.hang", false);
        mend();
      }
      await converges(active);
    });
  });

  /** An application's connection, as of a pool: it is logged in and does nothing. */
  async function stayingClient(host: Host): Promise<{ end(): void }> {
    const { node, app, root } = host.places;
    const socketPath = join(root, "client.sock");
    const name = "client bridge";
    const bridge =
      host.processes.get(name) ??
      run(host, name, [
        node,
        `${app}/build/test/support/host/tcp-bridge.js`,
        socketPath,
        "127.0.0.1",
        "6033",
      ]);
    const connection = await waitFor(
      "a client logs in",
      () => createConnection({ socketPath, user: "app", password: "app-secret" }),
      patience,
    );
    return {
      end: () => {
        connection.destroy();
        bridge.kill("SIGKILL");
      },
    };
  }
});
