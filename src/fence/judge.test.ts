import { describe, expect, it } from "vitest";
import type { Instance, OrchestratorView, Recovery, ServerKey } from "../orchestrator/types.js";
import { decide, judge, needsInstances } from "./judge.js";
import { emptyLatch, type Fence } from "./latch.js";

const [a, b, c] = ["a", "b", "c"].map((host) => ({ host, port: 3306 })) as [ServerKey, ServerKey, ServerKey];
const same = (server: ServerKey): ServerKey => server;
const now = "2026-01-01T00:00:00.000Z";

function instance(key: ServerKey, change: Partial<Instance> = {}): Instance {
  return {
    key,
    cluster: "a:3306",
    alias: "shop",
    readOnly: false,
    master: null,
    coMaster: false,
    depth: 0,
    replicating: false,
    checkValid: true,
    secondsSinceSeen: 1,
    downtimed: false,
    downtimeReason: "",
    downtimeOwner: "",
    downtimeEnds: "",
    ...change,
  };
}

function replica(key: ServerKey, master: ServerKey, change: Partial<Instance> = {}): Instance {
  return instance(key, { master, readOnly: true, replicating: true, ...change });
}

function recovery(failed: ServerKey, successor: ServerKey | null, change: Partial<Recovery> = {}): Recovery {
  return {
    uid: `${failed.host}-${successor?.host}`,
    failed,
    successor,
    successful: true,
    active: false,
    analysis: "DeadMaster",
    cluster: "a:3306",
    alias: "shop",
    startedAt: "2025-12-31T00:00:00Z",
    ...change,
  };
}

function view(
  instances: readonly Instance[] | null,
  recoveries: readonly Recovery[] = [],
  downtimed = (instances ?? []).filter((one) => one.downtimed),
): OrchestratorView {
  return { leader: "http://o", instances, recoveries, downtimed };
}

function verdictOf(server: ServerKey, seen: OrchestratorView, settled = emptyLatch.settled) {
  const [verdict] = judge([server], seen, same, settled);
  if (verdict === undefined) throw new Error("no verdict");
  return verdict;
}

const healthy = [instance(a), replica(b, a), replica(c, a)];
/** a died, b took its place, and a came back by itself, writable: its own cluster now, under the same alias. */
const returned = [instance(a), instance(b, { cluster: "b:3306" }), replica(c, b, { cluster: "b:3306" })];

describe("judge", () => {
  it("has nothing against a healthy cluster", () => {
    expect(judge([a, b, c], view(healthy), same).map(({ cause, role }) => [cause, role])).toEqual([
      [null, "master"],
      [null, "replica"],
      [null, "replica"],
    ]);
  });

  it("has a server in downtime fenced, whatever it is", () => {
    const down = { downtimed: true, downtimeReason: "disk", downtimeOwner: "op", downtimeEnds: "later" };
    expect(verdictOf(b, view([instance(a), replica(b, a, down)]))).toMatchObject({
      cause: { kind: "downtime", detail: "disk by op, until later", successor: null },
      role: "replica",
    });
  });

  it("has a replaced primary fenced by the audit alone, though no downtime is left of it", () => {
    expect(verdictOf(a, view(returned, [recovery(a, b)]))).toMatchObject({
      cause: { kind: "replaced", successor: b },
      role: "unknown",
      recovery: "a-b",
    });
    expect(verdictOf(b, view(returned, [recovery(a, b)]))).toMatchObject({ cause: null, role: "master" });
  });

  it("believes neither of two primaries if nobody has replaced the other", () => {
    expect(verdictOf(a, view(returned)).role).toBe("unknown");
    expect(verdictOf(b, view(returned)).role).toBe("unknown");
  });

  it("takes a replaced one for a replica only when both threads run and it was seen alive", () => {
    const rejoined = (change: Partial<Instance>) =>
      view([replica(a, b, change), instance(b), replica(c, b)], [recovery(a, b)]);
    expect(verdictOf(a, rejoined({}))).toMatchObject({ cause: null, role: "replica" });
    expect(verdictOf(a, rejoined({ replicating: false })).cause?.kind).toBe("replaced");
    expect(verdictOf(a, rejoined({ checkValid: false })).cause?.kind).toBe("replaced");
  });

  it("takes one that its successor follows again for the master", () => {
    const back = [instance(a), replica(b, a), replica(c, b)];
    expect(verdictOf(a, view(back, [recovery(a, b)]))).toMatchObject({ cause: null, role: "master" });
    expect(verdictOf(a, view(back, [recovery(a, c)]))).toMatchObject({ cause: null, role: "master" });
  });

  it("goes by the newest recovery", () => {
    const takeovers = [
      recovery(b, a, { startedAt: "2026-01-01T00:00:00Z" }),
      recovery(a, b, { startedAt: "2025-12-31T00:00:00Z" }),
    ];
    expect(verdictOf(a, view(healthy, takeovers))).toMatchObject({
      cause: null,
      role: "master",
      recovery: null,
    });
  });

  it("takes no recovery that failed, or has no successor, for a replacement", () => {
    const silent = instance(a, { checkValid: false });
    for (const one of [recovery(a, b, { successful: false }), recovery(a, null), recovery(a, a)])
      expect(verdictOf(a, view([silent], [one])).cause).toBeNull();
  });

  it("does not let a recovery speak again after the server has been a replica", () => {
    const stopped = view([replica(a, b, { replicating: false }), instance(b)], [recovery(a, b)]);
    const settled = [{ ...a, recovery: "a-b" }];
    expect(verdictOf(a, stopped).cause?.kind).toBe("replaced");
    expect(verdictOf(a, stopped, settled).cause).toBeNull();
    expect(verdictOf(a, view([instance(a)], [recovery(a, c)]), settled).cause?.kind).toBe("replaced");
  });

  it("knows of a read-only co-master that it is a replica, and of a writable one that it is the master", () => {
    const pair = [
      instance(a, { master: b, coMaster: true, replicating: true }),
      instance(b, { master: a, coMaster: true, replicating: true, readOnly: true }),
    ];
    expect(judge([a, b], view(pair), same).map(({ role }) => role)).toEqual(["master", "replica"]);
  });

  it("tells what Orchestrator has never heard of, once it was asked", () => {
    expect(verdictOf({ host: "x", port: 1 }, view(healthy)).known).toBe(false);
    expect(verdictOf(a, view(healthy)).known).toBe(true);
    expect(verdictOf(a, view(null)).known).toBeNull();
  });

  it("asks for instances when a recovery is about one of these servers", () => {
    expect(needsInstances([a], view(null, [recovery(a, b)]), same)).toBe(true);
    expect(needsInstances([c], view(null, [recovery(a, b)]), same)).toBe(false);
    expect(needsInstances([a], view(healthy, [recovery(a, b)]), same)).toBe(false);
  });
});

describe("decide", () => {
  const fence: Fence = {
    server: a,
    cause: { kind: "replaced", detail: "d", successor: b },
    since: "2025-01-01T00:00:00.000Z",
  };
  const latched = { ...emptyLatch, fences: [fence] };

  it("keeps a fence while the role is not known, and lifts it once it is", () => {
    const unknown = judge([a], view([instance(a, { checkValid: false })]), same);
    expect(decide(latched, unknown, now).fences).toEqual([fence]);
    const known = judge([a], view([replica(a, b), instance(b)]), same);
    expect(decide(latched, known, now)).toMatchObject({
      fences: [],
      lifted: [{ server: a, role: "replica" }],
    });
  });

  it("keeps the time and the successor of a fence whose cause is told in another way", () => {
    const down = view([instance(a, { downtimed: true })]);
    expect(decide(latched, judge([a], down, same), now).fences).toMatchObject([
      { since: fence.since, cause: { kind: "downtime", successor: b } },
    ]);
  });

  it("does not fence what an operator has released until the cause has ended once", () => {
    const down = judge([a], view([instance(a, { downtimed: true })]), same);
    const first = decide({ ...emptyLatch, pardoned: [a] }, down, now);
    expect(first).toMatchObject({ fences: [], pardoned: [a] });
    const over = decide({ ...emptyLatch, pardoned: [a] }, judge([a], view(healthy), same), now);
    expect(over.pardoned).toEqual([]);
    expect(decide({ ...emptyLatch, pardoned: over.pardoned }, down, now).fences).toHaveLength(1);
  });

  it("forgets a fence of a server that ProxySQL does not have any more", () => {
    expect(decide(latched, judge([b], view(healthy), same), now).fences).toEqual([]);
  });

  it("settles a recovery with the first sight of a working server", () => {
    const rejoined = judge([a], view([replica(a, b), instance(b)], [recovery(a, b)]), same);
    expect(decide(emptyLatch, rejoined, now).settled).toEqual([{ ...a, recovery: "a-b" }]);
    const dead = judge([a], view([instance(b)], [recovery(a, b)]), same);
    expect(decide(emptyLatch, dead, now).settled).toEqual([]);
  });
});

describe("judge with many", () => {
  it("judges five thousand servers of as many clusters without holding up the agent", () => {
    const servers = Array.from({ length: 5_000 }, (_, index) => ({ host: `db${index}`, port: 3306 }));
    const instances = servers.map((key) => instance(key, { alias: key.host }));
    const recoveries = Array.from({ length: 100 }, (_, index) =>
      recovery({ host: `db${2 * index}`, port: 3306 }, { host: `db${2 * index + 1}`, port: 3306 }),
    );
    const began = performance.now();
    const verdicts = judge(servers, view(instances, recoveries), same);
    // Some 20 ms; to compare each with each takes ten seconds.
    expect(performance.now() - began).toBeLessThan(1_000);
    expect(verdicts.filter(({ role }) => role === "master")).toHaveLength(4_900);
  });
});
