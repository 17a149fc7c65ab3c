import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { DrillRecord } from "./drills.js";
import { Recovery } from "./recovery.js";

const start = Date.parse("2026-01-01T12:00:00Z");

/** A cold node that has given the address away, and whose drills end as the test says. */
function world() {
  const drills = {
    last: null as DrillRecord | null,
    isIdle: true,
    outcome: { ok: false, judged: false },
    runs: 0,
    async run(): Promise<DrillRecord> {
      drills.runs += 1;
      const at = new Date(Date.now()).toISOString();
      const record = { at, snapshot: "x", ms: 1, startMs: 1, why: null, ...drills.outcome };
      if (record.judged) drills.last = record;
      return record;
    },
  };
  const demotion = { why: "given-away" as "given-away" | null, since: Date.now() as number | null };
  const recovery = new Recovery(
    { config: { carp: { standby: "cold", hold: 30_000 } }, demotion, maintenance: { view: () => null } },
    drills,
  );
  const pass = async (ms: number): Promise<void> => {
    for (let left = ms; left > 0; left -= 5_000) {
      vi.advanceTimersByTime(5_000);
      await recovery.look();
    }
  };
  return { drills, demotion, recovery, pass };
}

beforeEach(() => {
  vi.useFakeTimers({ toFake: ["performance", "Date"], now: start });
});

afterEach(() => {
  vi.useRealTimers();
});

describe("the way back of a cold node", () => {
  it("is tried after `hold`, and every five minutes whatever the drills tell", async () => {
    const { drills, pass } = world();
    await pass(30_000);
    expect(drills.runs).toBe(0);
    await pass(5_000);
    expect(drills.runs).toBe(1);
    await pass(295_000);
    expect(drills.runs).toBe(1);
    drills.outcome = { ok: false, judged: true };
    await pass(10_000);
    expect(drills.runs).toBe(2);
  });

  it("is open once a drill passed since then", async () => {
    const { drills, demotion, recovery, pass } = world();
    drills.outcome = { ok: true, judged: true };
    expect(recovery.done).toBe(false);
    await pass(40_000);
    expect(recovery.done).toBe(true);
    demotion.since = Date.now() + 1;
    expect(recovery.done).toBe(false);
  });

  it("is found although the clock was set back by hours", async () => {
    const { drills, recovery, pass } = world();
    drills.outcome = { ok: true, judged: true };
    vi.setSystemTime(start - 5 * 3_600_000);
    await pass(40_000);
    expect(recovery.done).toBe(true);
  });

  it("is not opened by a drill of the future", async () => {
    const { drills, recovery } = world();
    const at = new Date(start + 3_600_000).toISOString();
    drills.last = { at, snapshot: "x", ok: true, judged: true, ms: 1, startMs: 1, why: null };
    expect(recovery.done).toBe(false);
  });
});
