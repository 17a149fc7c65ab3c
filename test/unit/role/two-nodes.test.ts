import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type ModelNode, ModelPair } from "./model.js";

type Event =
  | { readonly kind: "role"; readonly node: "a" | "b"; readonly role: "MASTER" | "BACKUP" | "INIT" }
  | { readonly kind: "move"; readonly to: "a" | "b" }
  | {
      readonly kind: "edit" | "ship" | "kill" | "boot" | "settle";
      readonly node: "a" | "b";
      readonly steps?: number;
    }
  | { readonly kind: "link"; readonly up: boolean };

const node = fc.constantFrom("a" as const, "b" as const);
const event: fc.Arbitrary<Event> = fc.oneof(
  fc.record({
    kind: fc.constant("role" as const),
    node,
    role: fc.constantFrom("MASTER" as const, "BACKUP" as const, "INIT" as const),
  }),
  fc.record({ kind: fc.constant("move" as const), to: node }),
  fc.record({
    kind: fc.constantFrom("edit" as const, "ship" as const, "kill" as const, "boot" as const),
    node,
  }),
  fc.record({ kind: fc.constant("settle" as const), node, steps: fc.integer({ min: 0, max: 6 }) }),
  fc.record({ kind: fc.constant("link" as const), up: fc.boolean() }),
);

function apply(pair: ModelPair, happening: Event, index: number): void {
  switch (happening.kind) {
    case "role":
      if (pair[happening.node].alive) pair[happening.node].setRole(happening.role);
      return;
    case "move": {
      const winner = pair[happening.to];
      if (winner.alive) winner.setRole("MASTER");
      if (winner.peer.alive) winner.peer.setRole("BACKUP");
      return;
    }
    case "edit":
      pair[happening.node].edit(`edit ${index}`);
      return;
    case "ship":
      pair[happening.node].ship();
      return;
    case "kill":
      pair[happening.node].kill();
      return;
    case "boot":
      pair[happening.node].boot();
      return;
    case "settle":
      pair[happening.node].settle(happening.steps);
      return;
    case "link":
      pair.linked = happening.up;
  }
}

/** Everything works again and `winner` is MASTER: let both come to rest. */
function heal(pair: ModelPair, winner: ModelNode): void {
  pair.linked = true;
  for (const each of [pair.a, pair.b]) each.boot();
  winner.setRole("MASTER");
  winner.peer.setRole("BACKUP");
  for (let round = 0; round < 6; round += 1) {
    for (const each of [winner, winner.peer]) {
      each.settle();
      each.ship();
    }
  }
}

describe.each(["warm", "cold"] as const)("a pair in %s standby, after any sequence of events", (standby) => {
  it("comes to one leader whose configuration the other one has, and never installs the older", () => {
    fc.assert(
      fc.property(fc.array(event, { maxLength: 40 }), node, (events, winnerName) => {
        const pair = new ModelPair(standby);
        for (const [index, happening] of events.entries()) apply(pair, happening, index);
        const winner = pair[winnerName];
        heal(pair, winner);

        expect([...pair.a.broken, ...pair.b.broken]).toEqual([]);
        expect(winner.leads).not.toBeNull();
        expect(winner.peer.leads).toBeNull();
        expect(winner.peer.best).toEqual(winner.best);
        expect(winner.proxysql).toEqual({ running: true, scheduler: 1 });
        expect(winner.peer.proxysql).toEqual({ running: standby === "warm", scheduler: 0 });
        if (standby === "warm") expect(winner.peer.content).toBe(winner.content);
      }),
      { numRuns: 1_000 },
    );
  });

  it("starts ProxySQL at most once per gain of the role or boot", () => {
    fc.assert(
      fc.property(fc.array(event, { maxLength: 40 }), (events) => {
        const pair = new ModelPair(standby);
        for (const each of [pair.a, pair.b]) each.startsAllowed = 1;
        for (const [index, happening] of events.entries()) apply(pair, happening, index);

        for (const each of [pair.a, pair.b]) expect(each.starts).toBeLessThanOrEqual(each.startsAllowed);
      }),
      { numRuns: 1_000 },
    );
  });

  it("loses no edit that was shipped, and none silently that was not", () => {
    fc.assert(
      fc.property(fc.array(event, { maxLength: 40 }), node, (events, winnerName) => {
        const pair = new ModelPair(standby);
        for (const [index, happening] of events.entries()) apply(pair, happening, index);
        const before = [pair.a, pair.b]
          .map(({ content }) => content)
          .filter((content) => content !== "empty");
        const winner = pair[winnerName];
        heal(pair, winner);

        const said = [...pair.a.reported, ...pair.b.reported];
        const kept = [...pair.a.store, ...pair.b.store].map(({ content }) => content);
        for (const content of before)
          expect([winner.content, winner.peer.content, ...said, ...kept]).toContain(content);
      }),
      { numRuns: 1_000 },
    );
  });
});
