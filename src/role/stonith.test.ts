import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Observed, PeerView } from "./observed.js";
import { isHeldBack, plan } from "./plan.js";
import type { Stonith, Target } from "./stonith.js";
import { down, observed, peer } from "./test-observed.js";

const target: Target = { peer: "b", contested: null, shot: "none", nextShotInMs: 0, givesToUs: false };

function armed(change: Partial<Target> = {}, policy: Partial<Stonith> = {}): Stonith {
  return { when: "contested", onFailure: "hold", targets: [{ ...target, ...change }], ...policy };
}

/** This node has just become MASTER and cannot ask its peer. */
function gained(stonith: Stonith | null, change: Partial<Observed> = {}): Observed {
  const peers = [peer({ reachable: false, role: "unknown", ready: null })];
  return observed({ role: "MASTER", stonith, peers, standby: "cold", proxysql: down, ...change });
}

function kinds(now: Observed): string {
  return plan(now)
    .map(({ kind }) => kind)
    .join(" ");
}

const promoted = "start prove open-epoch";

describe("shooting a peer before a promotion", () => {
  it("is not thought of without a command", () => {
    expect(kinds(gained(null))).toBe(promoted);
  });

  it("looks first whether the host of a silent peer still answers", () => {
    expect(plan(gained(armed()))).toEqual([{ kind: "knock", peer: "b" }]);
  });

  it("shoots the one that answers, before anything is put in place", () => {
    expect(plan(gained(armed({ contested: true })))).toEqual([{ kind: "shoot", peer: "b" }]);
  });

  it("leaves one that does not answer alone", () => {
    expect(kinds(gained(armed({ contested: false })))).toBe(promoted);
  });

  it("shoots any silent one without a look if told so", () => {
    expect(kinds(gained(armed({ contested: false }, { when: "unreachable" })))).toBe("shoot");
  });

  it("goes on once it hit", () => {
    expect(kinds(gained(armed({ contested: true, shot: "hit" })))).toBe(promoted);
  });

  it("holds the promotion after a miss until the next try is due, and looks again before that", () => {
    const waiting = gained(armed({ contested: true, shot: "missed", nextShotInMs: 500 }));
    expect(plan(waiting)).toEqual([]);
    expect(isHeldBack(waiting)).toBe(true);
    expect(kinds(gained(armed({ contested: null, shot: "missed" })))).toBe("knock");
    expect(kinds(gained(armed({ contested: true, shot: "missed" })))).toBe("shoot");
    expect(kinds(gained(armed({ contested: false, shot: "missed" })))).toBe(promoted);
  });

  it("goes on after a miss if told so", () => {
    const now = gained(armed({ contested: true, shot: "missed" }, { onFailure: "go-on" }));
    expect(kinds(now)).toBe(promoted);
    expect(isHeldBack(now)).toBe(false);
  });

  it("asks first", () => {
    expect(
      kinds(gained(armed({ contested: true }), { peers: [peer({ asked: false, reachable: false })] })),
    ).toBe("ask-peers");
  });

  it("never shoots a peer that gives its role to this node, nor one in maintenance, nor while giving it away", () => {
    expect(kinds(gained(armed({ contested: true, givesToUs: true })))).toBe(promoted);
    expect(kinds(gained(armed({ contested: true }), { maintenance: { forcePromotion: true } }))).toBe(
      promoted,
    );
    expect(kinds(gained(armed({ contested: true }), { maintenance: { forcePromotion: false } }))).toBe("");
    expect(kinds(gained(armed({ contested: true }), { switching: true }))).toBe("");
  });

  it("shoots only on a MASTER that is to be promoted, and only who was asked and did not answer", () => {
    const view = fc.record<Partial<PeerView>>({
      asked: fc.boolean(),
      reachable: fc.boolean(),
      role: fc.constantFrom("MASTER", "BACKUP", "unknown"),
    });
    const anyTarget = fc.record<Partial<Target>>({
      contested: fc.constantFrom(true, false, null),
      shot: fc.constantFrom("none", "hit", "missed"),
      nextShotInMs: fc.constantFrom(0, 500),
      givesToUs: fc.boolean(),
    });
    const policy = fc.record<Partial<Stonith>>({
      when: fc.constantFrom("contested", "unreachable"),
      onFailure: fc.constantFrom("hold", "go-on"),
    });
    const role = fc.constantFrom("MASTER" as const, "BACKUP" as const, "INIT" as const);
    const leads = fc.constantFrom(null, 6);
    let shots = 0;
    fc.assert(
      fc.property(view, anyTarget, policy, role, leads, (seen, aim, rule, own, epoch) => {
        const now = gained(armed(aim, rule), { role: own, leads: epoch, peers: [peer(seen)] });
        const steps = plan(now);
        if (!steps.some(({ kind }) => kind === "shoot")) return;
        shots += 1;
        expect([own, epoch, seen.asked, seen.reachable, aim.givesToUs]).toEqual([
          "MASTER",
          null,
          true,
          false,
          false,
        ]);
        expect(aim.shot).not.toBe("hit");
        expect(aim.contested === true || rule.when === "unreachable").toBe(true);
        expect(steps.every(({ kind }) => kind === "shoot")).toBe(true);
      }),
      { numRuns: 2_000 },
    );
    expect(shots).toBeGreaterThan(0);
  });
});
