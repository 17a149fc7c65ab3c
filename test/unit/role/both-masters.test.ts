import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { commonAncestors, isLost, whereTheyParted } from "../../../src/agent/parting.js";
import { compareLineage, formatLineage, type Ranked } from "../../../src/role/lineage.js";
import { type ModelNode, ModelPair } from "./model.js";

/** What happens on one of the nodes, in any order. */
interface Deed {
  readonly node: "a" | "b";
  readonly kind: "edit" | "ship" | "settle";
}

const node = fc.constantFrom("a" as const, "b" as const);
const deed: fc.Arbitrary<Deed> = fc.record({
  node,
  kind: fc.constantFrom("edit" as const, "ship" as const, "settle" as const),
});
const deeds = fc.array(deed, { maxLength: 20 });

function carryOut(pair: ModelPair, { node: name, kind }: Deed, index: string): void {
  const one = pair[name];
  if (kind === "edit") one.edit(`edit ${index} on ${name}`);
  else if (kind === "ship") one.ship();
  else one.settle();
}

/** `a` leads and `b` has what it has; then `b` becomes MASTER as well, over a link that is up or cut. */
function bothMaster(standby: "warm" | "cold", linked: boolean, before: readonly Deed[]): ModelPair {
  const pair = new ModelPair(standby);
  pair.a.setRole("MASTER");
  for (const one of [pair.a, pair.b]) one.settle();
  pair.a.ship();
  pair.b.settle();
  for (const [index, happening] of before.entries()) carryOut(pair, happening, `before ${index}`);
  pair.linked = linked;
  pair.b.setRole("MASTER");
  for (const one of [pair.a, pair.b]) one.settle();
  return pair;
}

function heal(pair: ModelPair, winner: ModelNode): void {
  pair.linked = true;
  winner.peer.setRole("BACKUP");
  winner.peer.settle();
  for (let round = 0; round < 4; round += 1) {
    for (const one of [winner, winner.peer]) {
      one.settle();
      one.ship();
    }
  }
}

/** The last snapshot that a node took itself. */
function lastOf(one: ModelNode): Ranked | undefined {
  const own = one.store.filter(({ lineage }) => lineage.node === one.name);
  return own.sort((x, y) => compareLineage(y.lineage, x.lineage))[0];
}

function namesIn({ store }: ModelNode): string[] {
  return store.map(({ lineage }) => formatLineage(lineage)).sort();
}

describe.each(["warm", "cold"] as const)("two nodes in %s standby that are MASTER at once", (standby) => {
  it("give each other nothing, whatever is done on either", () => {
    fc.assert(
      fc.property(deeds, deeds, (before, during) => {
        const pair = bothMaster(standby, true, before);
        const foreign = (one: ModelNode): string[] =>
          namesIn(one).filter((name) => !name.endsWith(`@${one.name}`));
        const had = [pair.a, pair.b].map(foreign);
        for (const [index, happening] of during.entries()) carryOut(pair, happening, `during ${index}`);

        expect([pair.a, pair.b].map(foreign)).toEqual(had);
        expect([pair.a.leads, pair.b.leads]).not.toContain(null);
      }),
      { numRuns: 500 },
    );
  });

  it("come to what the one that stays MASTER had, and can say what each had changed since they parted", () => {
    fc.assert(
      fc.property(deeds, deeds, node, fc.boolean(), (before, during, name, linked) => {
        const pair = bothMaster(standby, linked, before);
        for (const [index, happening] of during.entries()) carryOut(pair, happening, `during ${index}`);
        // Both do something that the other must not lose unseen.
        for (const one of [pair.a, pair.b]) {
          one.edit(`last on ${one.name}`);
          one.ship();
        }
        const winner = pair[name];
        heal(pair, winner);

        expect(winner.content).toBe(`last on ${winner.name}`);
        if (standby === "warm") expect(winner.peer.content).toBe(winner.content);
        expect(winner.peer.best).toEqual(winner.best);
        const [live, lost] = [winner.running as Ranked, lastOf(winner.peer) as Ranked];
        expect(lost.content).toBe(`last on ${winner.peer.name}`);
        expect(isLost(lost, live)).toBe(true);
        const parted = whereTheyParted(live, lost);
        const left = commonAncestors([...pair.a.store, ...pair.b.store], live, lost);
        expect(left[0]?.lineage).toEqual(parted);
        expect([...pair.a.broken, ...pair.b.broken]).toEqual([]);
      }),
      { numRuns: 500 },
    );
  });
});
