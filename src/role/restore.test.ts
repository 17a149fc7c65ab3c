import { describe, expect, it } from "vitest";
import type { Observed } from "./observed.js";
import { plan } from "./plan.js";
import { calm, down, first, observed, peer, ranked, up } from "./test-observed.js";

const running = ranked(6, 4, "a", first);
const restored = ranked(7, 1, "a", running, "old");
const leading = {
  role: "MASTER",
  leads: 6,
  shipping: true,
  running,
  best: restored,
  openingContent: "c",
  restoring: { ranked: restored, failed: false },
} as const;
const begun = { ranked: restored, failures: 0 };

function kinds(change: Partial<Observed>): string {
  return plan(observed(change))
    .map(({ kind }) => kind)
    .join(" ");
}

describe("plan while an operator's restore is under way", () => {
  it("puts it in place and proves it", () => {
    expect(plan(observed(leading))).toMatchObject([
      { kind: "apply", ranked: restored, reportLoss: false },
      { kind: "prove" },
    ]);
  });

  it("goes on where it was cut off in the middle of an apply", () => {
    expect(kinds({ ...leading, shipping: false, trial: begun, drifted: true })).toBe("apply prove");
  });

  it("proves first what is in place, then sets its jobs to work and opens an epoch above all", () => {
    const placed = { ...leading, running: restored } as const;
    expect(kinds({ ...placed, trial: begun })).toBe("prove");
    expect(plan(observed({ ...placed, peers: [peer({ best: ranked(9, 1, "b") })] }))).toEqual([
      { kind: "run-scheduler" },
      { kind: "open-epoch", above: 9 },
    ]);
  });

  it("ends when it leads, and does not install it again over what came after", () => {
    const after = ranked(8, 1, "a", restored, "old");
    expect(kinds({ ...leading, leads: 8, running: after, best: after })).toBe("end-restore");
  });

  it("installs it where ProxySQL is down", () => {
    expect(kinds({ ...leading, proxysql: down })).toBe("halt install start prove");
    expect(kinds({ ...leading, running: restored, trial: begun, proxysql: down })).toBe("halt start prove");
  });

  it("passes over what ProxySQL does not live with, and brings back what was there", () => {
    expect(kinds({ ...leading, trial: { ...begun, failures: 1 } })).toBe("reject");
    const failed = { ...leading, best: running, restoring: { ranked: restored, failed: true } } as const;
    expect(plan(observed({ ...failed, drifted: true, givenUp: true }))).toMatchObject([
      { kind: "apply", ranked: running },
      { kind: "prove" },
    ]);
    expect(kinds(failed)).toBe("end-restore");
  });

  it("brings back what was there though a dead ProxySQL does not tell what it holds", () => {
    const failed = { ...leading, best: running, restoring: { ranked: restored, failed: true } } as const;
    const steps = plan(observed({ ...failed, proxysql: { ...up, admin: false, serving: false } }));
    expect(steps).toMatchObject([
      { kind: "halt" },
      { kind: "install", ranked: running },
      { kind: "start" },
      { kind: "prove" },
    ]);
  });

  it("gives it up where nothing can be put in place", () => {
    const stuck = { ...leading, care: { ...calm, cannotPlace: true } } as const;
    expect(kinds(stuck)).toBe("end-restore");
    expect(kinds({ ...stuck, trial: begun })).toBe("reject");
    expect(kinds({ ...stuck, drifted: true, restoring: { ranked: restored, failed: true } })).toBe("");
  });

  it("lets go of the lead first when the role is gone, and of the restore then", () => {
    expect(kinds({ ...leading, role: "BACKUP" })).toBe("release purge");
    expect(kinds({ ...leading, role: "BACKUP", leads: null })).toBe("end-restore");
    expect(kinds({ ...leading, leads: null })).toBe("end-restore");
  });

  it("is finished in maintenance too: a mixture is nothing to leave to an operator", () => {
    expect(kinds({ ...leading, maintenance: { forcePromotion: false } })).toBe("apply prove");
  });
});
