import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { ShareCause } from "./care.js";
import type { Observed } from "./observed.js";
import { isHeldBack, plan } from "./plan.js";
import { calm, down, first, observed, peer, up } from "./test-observed.js";

const none = { held: false, wanted: false };
const wanted = { held: false, wanted: true };
const held = { held: true, wanted: true };

function kinds(change: Partial<Observed>): string {
  return plan(observed(change))
    .map((step) => (step.kind === "demote" ? `demote(${step.why})` : step.kind))
    .join(" ");
}

describe("the lock in the plan", () => {
  it("is asked for before anything else when the role comes", () => {
    expect(kinds({ role: "MASTER", lock: none, peers: [peer({ asked: false })] })).toBe("acquire-lock");
  });

  it("lets the promotion go on once it is held", () => {
    expect(kinds({ role: "MASTER", lock: held, standby: "cold", proxysql: down })).toBe(
      "start prove open-epoch",
    );
  });

  it("keeps a MASTER that has not got it from serving, and has it give the address away", () => {
    const now = { role: "MASTER", lock: wanted } as const;
    expect(kinds(now)).toBe("demote(no-lock) stop");
    expect(kinds({ ...now, proxysql: down })).toBe("demote(no-lock)");
    const care = { ...calm, share: "no-lock" as const };
    expect(kinds({ ...now, care })).toBe("stop");
    expect(kinds({ ...now, care, proxysql: down })).toBe("");
    expect(isHeldBack(observed({ ...now, care, proxysql: down }))).toBe(true);
  });

  it("does the same to one that led already", () => {
    expect(kinds({ role: "MASTER", lock: wanted, leads: 6, shipping: true })).toBe("demote(no-lock) stop");
  });

  it("comes before a restore that is under way", () => {
    const restoring = { ranked: first, failed: false };
    expect(kinds({ role: "MASTER", lock: wanted, leads: 5, restoring })).toBe("demote(no-lock) stop");
  });

  it("asks CARP to step down if the address does not move and a peer could take it", () => {
    const care = { ...calm, share: "no-lock" as const, yieldDue: true };
    expect(kinds({ role: "MASTER", lock: wanted, care, proxysql: down })).toBe("yield");
    const peers = [peer({ ready: false })];
    expect(kinds({ role: "MASTER", lock: wanted, care, proxysql: down, peers })).toBe("");
  });

  it("brings ProxySQL back and takes the share back once it is held again", () => {
    const care = { ...calm, share: "no-lock" as const };
    expect(kinds({ role: "MASTER", lock: held, leads: 6, shipping: true, care, proxysql: down })).toBe(
      "halt start prove",
    );
    expect(kinds({ role: "MASTER", lock: held, leads: 6, shipping: true, care })).toBe("take-back");
  });

  it.each(["BACKUP", "INIT"] as const)("is given back first of all as %s", (role) => {
    expect(kinds({ role, lock: held, leads: 6 })).toBe("release-lock");
    expect(kinds({ role, lock: wanted })).toBe("release-lock");
    expect(kinds({ role, lock: none, leads: 6 })).toBe("release purge");
  });

  it("is not begun in maintenance, but kept; a forced promotion needs it all the same", () => {
    const maintenance = { forcePromotion: false };
    expect(kinds({ role: "MASTER", lock: none, maintenance })).toBe("");
    expect(kinds({ role: "MASTER", lock: held, leads: 6, shipping: true, maintenance })).toBe("");
    expect(kinds({ role: "MASTER", lock: wanted, maintenance })).toBe("release-lock");
    expect(kinds({ role: "MASTER", lock: none, maintenance: { forcePromotion: true } })).toBe("acquire-lock");
  });

  it("leaves a switchover alone", () => {
    expect(kinds({ role: "MASTER", lock: wanted, leads: 6, shipping: true, switching: true })).toBe("");
  });

  it("takes the share back on a passive node when it is fit, and no sooner than flap damping allows", () => {
    const care = { ...calm, share: "no-lock" as const };
    expect(kinds({ lock: none, care })).toBe("take-back");
    expect(kinds({ lock: none, care: { ...care, fit: false } })).toBe("");
    expect(kinds({ lock: none, care: { ...care, mayMove: false } })).toBe("");
  });

  it("never lets a MASTER without it start, serve anew or open an epoch", () => {
    const serving = new Set([
      "start",
      "resume",
      "open-epoch",
      "apply",
      "install",
      "run-scheduler",
      "take-back",
    ]);
    const anyShare = fc.constantFrom<ShareCause | null>(
      null,
      "no-lock",
      "unready",
      "given-away",
      "switchover",
    );
    let plans = 0;
    fc.assert(
      fc.property(
        fc.constantFrom(none, wanted),
        fc.constantFrom(up, down, { ...up, paused: true, serving: false }),
        fc.constantFrom(null, 5, 6),
        anyShare,
        fc.boolean(),
        fc.constantFrom("warm" as const, "cold" as const),
        (lock, proxysql, leads, share, shareSettled, standby) => {
          const care = { ...calm, share, shareSettled };
          const steps = plan(observed({ role: "MASTER", lock, proxysql, leads, care, standby }));
          plans += steps.length;
          expect(steps.filter(({ kind }) => serving.has(kind))).toEqual([]);
          if (lock.wanted && proxysql.running) expect(steps.map(({ kind }) => kind)).toContain("stop");
        },
      ),
      { numRuns: 1_000 },
    );
    expect(plans).toBeGreaterThan(0);
  });
});
