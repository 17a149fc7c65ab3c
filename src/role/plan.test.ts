import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Ranked } from "./lineage.js";
import type { Observed } from "./observed.js";
import { plan } from "./plan.js";
import { down, first, observed, peer, ranked, up } from "./test-observed.js";

function kinds(change: Partial<Observed>): string {
  return plan(observed(change))
    .map(({ kind }) => kind)
    .join(" ");
}

describe("plan at a gain of the role", () => {
  it("asks the peers before anything else", () => {
    expect(kinds({ role: "MASTER", peers: [peer({ asked: false })] })).toBe("ask-peers");
  });

  it("waits until the role has held for `settle`", () => {
    expect(plan(observed({ role: "MASTER", masterForMs: 20 }))).toEqual([{ kind: "settle", ms: 30 }]);
  });

  it("fetches what a peer has greater than anything here", () => {
    const theirs = ranked(6, 1, "b", first, "d");
    expect(plan(observed({ role: "MASTER", peers: [peer({ best: theirs })] }))).toEqual([
      { kind: "fetch", peer: "b", ranked: theirs },
    ]);
  });

  it("takes the greatest of several peers", () => {
    const peers = [
      peer({ best: ranked(6, 1, "b", first, "d") }),
      peer({ name: "c", best: ranked(7, 1, "c", first, "d") }),
    ];
    expect(plan(observed({ role: "MASTER", peers }))).toMatchObject([{ kind: "fetch", peer: "c" }]);
  });

  it("cold: installs, starts, proves, opens an epoch above all it knows", () => {
    const best = ranked(6, 3, "b", first, "d");
    const steps = plan(observed({ role: "MASTER", standby: "cold", proxysql: down, best }));

    expect(steps.map(({ kind }) => kind)).toEqual(["install", "start", "prove", "open-epoch"]);
    expect(steps.at(-1)).toEqual({ kind: "open-epoch", above: 6 });
  });

  it("warm: applies to the running ProxySQL, and runs the scheduler", () => {
    const best = ranked(6, 3, "b", first, "d");
    const proxysql = { ...up, scheduler: { runtime: 0, disk: 2 } };

    expect(kinds({ role: "MASTER", proxysql, best })).toBe("apply prove run-scheduler open-epoch");
  });

  it("starts with what the node has when there is no snapshot", () => {
    expect(kinds({ role: "MASTER", proxysql: down, running: null, best: null })).toBe(
      "start prove open-epoch",
    );
  });

  it("takes the rival of an epoch that it opened itself for a moment, and in which it changed nothing", () => {
    const mine = { ...ranked(6, 0, "c", first), content: first.content };
    const theirs = ranked(6, 2, "b", first, "edited");
    expect(kinds({ standby: "cold", proxysql: down, running: mine, best: theirs })).toBe("install");
    expect(kinds({ role: "MASTER", proxysql: down, running: mine, best: theirs })).toMatch(/^install start/);
    const edited = { ...mine, content: "mine" };
    expect(kinds({ standby: "cold", proxysql: down, running: edited, best: theirs })).toBe("");
  });

  it("waits for nothing that a peer had when it could still be asked, and opens its epoch above that", () => {
    const newer = ranked(8, 2, "b", first, "edited");
    const steps = plan(
      observed({ role: "MASTER", peers: [peer({ reachable: false, role: "unknown", best: newer })] }),
    );
    expect(steps.map(({ kind }) => kind)).toEqual(["prove", "open-epoch"]);
    expect(steps.at(-1)).toEqual({ kind: "open-epoch", above: 8 });
  });

  it("installs nothing that is older, equal or diverged", () => {
    for (const best of [ranked(5, 8, "a"), first, ranked(5, 20, "b")]) {
      expect(kinds({ role: "MASTER", proxysql: down, best })).toBe("start prove open-epoch");
    }
  });

  it("keeps a last edit of ours when the peer took over in between and changed nothing", () => {
    const ours = { ...ranked(5, 10, "a"), content: "edited" };
    const theirs = ranked(6, 1, "b", first);

    expect(kinds({ role: "MASTER", running: ours, best: ours, peers: [peer({ best: theirs })] })).toBe(
      "prove open-epoch",
    );
    expect(
      plan(observed({ role: "MASTER", running: ours, best: ours, peers: [peer({ best: theirs })] })).at(-1),
    ).toEqual({ kind: "open-epoch", above: 6 });
  });

  it("leads on with a configuration that it serves and knows nothing of", () => {
    const theirs = ranked(6, 1, "b", first, "d");
    const lost = {
      role: "MASTER",
      running: null,
      foreign: true,
      best: first,
      peers: [peer({ best: theirs })],
    } as const;

    expect(plan(observed(lost))).toEqual([{ kind: "prove" }, { kind: "open-epoch", above: 6 }]);
    expect(kinds({ ...lost, proxysql: down })).toBe("fetch");
  });

  it("puts the verified snapshot back over an edit that was made on the passive node", () => {
    expect(kinds({ role: "MASTER", drifted: true })).toBe("apply prove open-epoch");
    expect(kinds({ role: "MASTER", drifted: true, proxysql: down })).toBe("install start prove open-epoch");
  });

  it("does not start ProxySQL again while a start is under way", () => {
    expect(kinds({ role: "MASTER", proxysql: { ...down, starting: true } })).toBe("prove open-epoch");
  });

  it("opens the client port again that a demotion has closed", () => {
    expect(kinds({ role: "MASTER", proxysql: { ...up, paused: true } })).toBe("resume prove open-epoch");
  });
});

describe("plan while the role is ours", () => {
  const leading = {
    role: "MASTER",
    leads: 6,
    shipping: true,
    running: ranked(6, 4, "a", first),
    openingContent: "c",
  } as const;

  it("has nothing to do when all is well", () => {
    expect(kinds(leading)).toBe("");
  });

  it("goes on shipping after a restart of the agent", () => {
    expect(kinds({ ...leading, shipping: false })).toBe("ship");
  });

  it("starts a ProxySQL that died, with what it had", () => {
    expect(kinds({ ...leading, proxysql: down, best: ranked(6, 3, "a", first) })).toBe("halt start prove");
  });

  it("restores the newest snapshot when its own database is lost", () => {
    expect(kinds({ ...leading, proxysql: down, running: null, best: ranked(6, 3, "a", first) })).toBe(
      "halt install start prove",
    );
  });

  it("takes over a rival's configuration if it changed nothing itself", () => {
    const theirs = ranked(7, 2, "b", first, "other");
    const steps = plan(observed({ ...leading, peers: [peer({ best: theirs })] }));

    expect(steps.map(({ kind }) => kind)).toEqual(["fetch", "apply", "prove", "open-epoch"]);
    expect(steps.at(-1)).toEqual({ kind: "open-epoch", above: 7 });
  });

  it("reports a divergence, stays with what is live, and outranks the rival", () => {
    const theirs = ranked(6, 2, "b", first, "other");
    expect(kinds({ ...leading, openingContent: "before", peers: [peer({ best: theirs })] })).toBe(
      "report-divergence open-epoch",
    );
  });

  it("outranks a peer that opened the same epoch and has no snapshot of it", () => {
    const running = { epoch: 6, sequence: 0, node: "b" };
    expect(plan(observed({ ...leading, peers: [peer({ running })] }))).toEqual([
      { kind: "open-epoch", above: 6 },
    ]);
  });

  it("leaves a rival alone that is MASTER too: the network is to be healed first", () => {
    const theirs = ranked(6, 2, "b", first, "other");
    expect(kinds({ ...leading, peers: [peer({ role: "MASTER", best: theirs })] })).toBe("");
  });

  it("leaves a rival alone that cannot be asked any more: it may be MASTER still", () => {
    const theirs = ranked(6, 2, "b", first, "other");
    const gone = peer({ reachable: false, role: "unknown", best: theirs });
    for (const openingContent of ["before", leading.openingContent])
      expect(kinds({ ...leading, openingContent, peers: [gone] })).toBe("");
  });
});

describe("plan without the role", () => {
  it("stops leading first", () => {
    expect(kinds({ role: "INIT", leads: 6 })).toBe("release purge");
  });

  it("cold: pauses, drains and stops ProxySQL", () => {
    expect(kinds({ standby: "cold", leads: 6 })).toBe("release purge pause drain stop");
  });

  it("cold: stops without ceremony a ProxySQL whose admin is dead", () => {
    expect(kinds({ standby: "cold", proxysql: { ...up, admin: false } })).toBe("stop");
  });

  it("cold: goes on where a demotion was cut short", () => {
    expect(kinds({ standby: "cold", proxysql: { ...up, paused: true, serving: false } })).toBe("drain stop");
  });

  it("cold: puts what was received in its place while ProxySQL is stopped, and starts nothing", () => {
    expect(kinds({ standby: "cold", proxysql: down, best: ranked(5, 10, "a") })).toBe("install");
    expect(kinds({ standby: "cold", proxysql: down })).toBe("");
  });

  it("cold: leaves ProxySQL running while another vhid brings clients here", () => {
    expect(kinds({ standby: "cold", holdsAddress: true })).toBe("");
  });

  it("warm: feeds ProxySQL what was received, and keeps its jobs quiet", () => {
    const proxysql = { ...up, scheduler: { runtime: 1, disk: 1 } };
    expect(kinds({ proxysql, best: ranked(5, 10, "a") })).toBe("hush-scheduler apply prove");
  });

  it("puts the verified snapshot back when this passive node was edited", () => {
    expect(plan(observed({ drifted: true }))).toMatchObject([
      { kind: "apply", ranked: first },
      { kind: "prove" },
    ]);
  });

  it("warm: starts a ProxySQL that is down", () => {
    expect(kinds({ proxysql: down, best: ranked(5, 10, "a") })).toBe("install start prove");
  });

  it("follows the master even where it loses an edit of its own, and says so", () => {
    const ours = { ...ranked(5, 10, "a"), content: "edited" };
    expect(plan(observed({ running: ours, best: ranked(6, 1, "b", first, "d") }))).toMatchObject([
      { kind: "apply", reportLoss: true },
      { kind: "prove" },
    ]);
  });

  it("reports no loss of an epoch in which it changed nothing", () => {
    const live = ranked(7, 1, "b", ranked(5, 10, "b", null, "d"), "e");
    const ledFor = (content: string): Ranked => ranked(6, 1, "a", ranked(5, 9, "b"), content);
    const applied = (running: Ranked): unknown => plan(observed({ running, best: live }))[0];
    expect(applied(ledFor("c"))).toEqual({ kind: "apply", ranked: live, reportLoss: false });
    expect(applied(ledFor("edited"))).toEqual({ kind: "apply", ranked: live, reportLoss: true });
  });
});

it("does nothing while the role is unknown", () => {
  const anything = fc.record({
    role: fc.constant("unknown" as const),
    holdsAddress: fc.boolean(),
    standby: fc.constantFrom("warm" as const, "cold" as const),
    leads: fc.constantFrom(null, 6),
    proxysql: fc.constantFrom(up, down),
  });
  fc.assert(
    fc.property(anything, (change) => {
      expect(plan(observed(change))).toEqual([]);
    }),
  );
});
