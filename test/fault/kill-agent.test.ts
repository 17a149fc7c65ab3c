import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { addAndShip, leads, servers, startPair, startsOf, until } from "../integration/agent/harness.js";
import type { Pair } from "../support/pair/pair.js";

/** Milliseconds from the event to the kill: they fall into every step of a promotion and a demotion. */
const moments = [0, 5, 15, 30, 50, 70, 90, 120, 160, 220, 300, 450];

describe.each(["warm", "cold"] as const)("an agent killed at any moment, in %s standby", (standby) => {
  let pair: Pair;
  let expected = "";

  beforeAll(async () => {
    pair = await startPair({ standby });
    await addAndShip(pair.a, pair.b, "db1.example");
    expected = await servers(pair.a);
  });

  afterAll(() => pair.end());

  it.each(moments)("%i ms into the switch: the next start finishes it without a hand", async (ms) => {
    const { a, b } = pair;
    const starts = startsOf(b);
    await a.setRole("BACKUP");
    await b.setRole("MASTER");
    await sleep(ms);
    await b.stopAgent("SIGKILL");
    b.startAgent();
    await until("b leads", () => leads(b));
    await until("a stands by", async () => {
      const { leads: epoch, proxysql } = await a.status();
      return epoch === null && proxysql.up === (standby === "warm");
    });

    expect(await servers(b)).toBe(expected);
    // Once for the gain of the role; a second time only if the agent was killed before it could know of the first.
    expect(startsOf(b) - starts).toBeLessThanOrEqual(standby === "warm" ? 0 : 2);

    await b.setRole("BACKUP");
    await a.setRole("MASTER");
    await sleep(ms);
    await b.stopAgent("SIGKILL");
    b.startAgent();
    await until("a leads again", () => leads(a));
    await until("b stands by again", async () => {
      const { leads: epoch, proxysql, role } = await b.status();
      return role === "BACKUP" && epoch === null && proxysql.up === (standby === "warm");
    });
    expect(await servers(a)).toBe(expected);
  });
});
