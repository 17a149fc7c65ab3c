import { beforeAll, expect, it } from "vitest";
import { demotionOf, mendProxysql, ruinProxysql } from "../../support/host/guards.js";
import {
  adminQuery,
  carpRole,
  freezeProxysql,
  type Host,
  setFailing,
  startAgent,
  stopAgent,
  sysctl,
} from "../../support/host/host.js";
import { hostOf, shopDatabase, startAll } from "../../support/host/netns.js";
import { setReachable } from "../../support/host/network.js";
import { statusOf, waitUntilLeading } from "../../support/host/pair.js";
import { describeHosts } from "../../support/host/suite.js";
import {
  pairAtRest,
  type SwitchoverDocument,
  startSwitchover,
  stepRuns,
  switchOver,
  switchoverEnds,
} from "../../support/host/switchover.js";
import {
  changeServers,
  type HeldStep,
  type Roles,
  spoilRecord,
  statements,
  withoutMoving,
} from "../../support/host/switchover-holds.js";

const shop = "db1.example db2.example db3.example";

type Fault = {
  readonly name: string;
  /** The step that it makes fail; `or`: where the peer is needed first. */
  readonly step: HeldStep;
  readonly or?: HeldStep;
  /** Done before the switchover is asked for, or while its clients are drained; returns what mends it. */
  readonly before?: (roles: Roles) => () => void;
  readonly meanwhile?: (roles: Roles) => (() => void) | Promise<() => void>;
  readonly error: RegExp;
};

function failing(host: Host, failure: string, what: boolean | string = true): () => void {
  setFailing(host, failure, what);
  return () => setFailing(host, failure, false);
}

const faults: readonly Fault[] = [
  {
    name: "no snapshot can be taken",
    step: "ship",
    before: ({ active }) => failing(active, "admin.fail", statements.take),
    error: /made to fail/,
  },
  {
    name: "the peer does not come to run the last snapshot",
    step: "ship",
    before: ({ passive }) => failing(passive, "admin.hang", statements.apply),
    error: /did not come to have/,
  },
  {
    name: "the intent cannot be written down",
    step: "record",
    before: ({ active }) => spoilRecord(active, "record", "fail"),
    error: /made to fail/,
  },
  {
    name: "ProxySQL refuses to pause",
    step: "pause",
    before: ({ active }) => failing(active, "admin.fail", statements.pause),
    error: /made to fail/,
  },
  {
    name: "ProxySQL pauses and does not say so",
    step: "pause",
    before: ({ active }) => failing(active, "admin.late", statements.pause),
    error: /no answer within/,
  },
  {
    name: "clients cannot be counted",
    step: "drain",
    before: ({ active }) => failing(active, "admin.fail", statements.drain),
    error: /made to fail/,
  },
  {
    name: "the demotion cannot be written",
    step: "demote",
    before: ({ active }) => failing(active, "sysctl.write.fail"),
    error: /sysctl/,
  },
  {
    name: "the demotion hangs",
    step: "demote",
    before: ({ active }) => failing(active, "sysctl.write.hang"),
    error: /sysctl/,
  },
  {
    name: "CARP does not move and refuses to be asked",
    step: "move",
    before: ({ active, passive }) => withoutMoving("fail", active, passive),
    error: /did not become MASTER/,
  },
  {
    name: "CARP does not move and hangs when asked",
    step: "move",
    before: ({ active, passive }) => withoutMoving("hang", active, passive),
    error: /did not become MASTER|The step move: no answer/,
  },
  {
    name: "the peer leaves the election",
    step: "move",
    meanwhile: ({ passive }) => {
      sysctl(passive, "net.inet.carp.allow=0");
      return () => void sysctl(passive, "net.inet.carp.allow=1");
    },
    error: /did not become MASTER/,
  },
  {
    name: "the peer's ProxySQL is dead when it has the role",
    step: "prove",
    meanwhile: ({ passive }) => {
      ruinProxysql(passive);
      return () => mendProxysql(passive);
    },
    error: /did not prove to serve/,
  },
  {
    name: "the peer's ProxySQL hangs when it has the role",
    step: "prove",
    meanwhile: ({ passive }) => {
      freezeProxysql(passive, true);
      return () => freezeProxysql(passive, false);
    },
    error: /did not prove to serve/,
  },
  {
    name: "the peer's agent is stopped",
    step: "move",
    or: "demote",
    meanwhile: async ({ passive }) => {
      await stopAgent(passive);
      return () => startAgent(passive);
    },
    error: /./,
  },
  {
    name: "the peer cannot be reached",
    step: "move",
    or: "demote",
    meanwhile: ({ active, passive }) => {
      setReachable(active.port, passive.port, false);
      return () => setReachable(active.port, passive.port, true);
    },
    error: /./,
  },
];

// What fails is undone, and what is said to be undone is.
describeHosts("a switchover of which a step fails", (makeLab) => {
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

  it.each(faults)("$step: $name", async ({ step, or, before, meanwhile, error }) => {
    const roles = await pairAtRest(pair, servers);
    const { active } = roles;
    const name = `db4-${String(servers.split(" ").length).padStart(3, "0")}.example`;
    servers = [...servers.split(" "), name].sort().join(" ");
    await changeServers(active, name);
    let mend = before?.(roles);
    if (meanwhile !== undefined) setFailing(active, "admin.hang", statements.drain);
    const begun = await startSwitchover(active, { timeoutMs: 6_000 });
    let ended: SwitchoverDocument;
    try {
      if (meanwhile !== undefined) {
        await stepRuns(active, begun, "drain");
        mend = await meanwhile(roles);
        setFailing(active, "admin.hang", false);
      }
      ended = await switchoverEnds(active, begun);
      await isTrue(ended, roles, [step, or]);
      expect(ended.error).toMatch(error);
    } finally {
      setFailing(active, "admin.hang", false);
      mend?.();
    }
    const rest = await pairAtRest(pair, servers);
    const next = await switchOver(rest.active);
    expect(next).toMatchObject({ state: "done", error: null });
  });

  /** What the document says is so at this moment. */
  async function isTrue(
    ended: SwitchoverDocument,
    { active, passive }: Roles,
    steps: readonly unknown[],
  ): Promise<void> {
    expect(steps).toContain(ended.steps.find(({ state }) => state === "failed")?.step);
    expect(["undone", "failed", "done"]).toContain(ended.state);
    if (ended.state === "undone") {
      expect([carpRole(active), demotionOf(active)]).toEqual(["MASTER", 0]);
      const [paused] = await adminQuery(
        active,
        "SELECT variable_value AS paused FROM stats_mysql_global WHERE variable_name = 'mysql_listener_paused'",
      );
      expect(paused?.paused).toBe("false");
    }
    if (ended.state === "done") expect(carpRole(passive)).toBe("MASTER");
    expect(statusOf(active).role).toBe(carpRole(active));
  }

  it("settle: the end cannot be written down: it has moved all the same", async () => {
    const { active, passive } = await pairAtRest(pair, servers);
    const mend = spoilRecord(active, "settle", "fail");
    try {
      const ended = await switchOver(active);
      expect(ended).toMatchObject({ state: "done", error: null });
      expect(carpRole(passive)).toBe("MASTER");
    } finally {
      mend();
    }
    const rest = await pairAtRest(pair, servers);
    expect(rest.active.name).toBe(passive.name);
    expect(await switchOver(rest.active)).toMatchObject({ state: "done" });
  });
});
