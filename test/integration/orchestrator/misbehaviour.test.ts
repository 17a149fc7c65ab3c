import { describe, expect, test } from "vitest";
import { type Misbehaviour, threeServers } from "../../support/orchestrator.js";
import { clientOf, names, standIn, viewOf } from "./harness.js";

const instances = threeServers();
const db2 = { host: "db2", port: 3306 };

/** Enough for an answer on a busy machine, and little to wait for one that does not come. */
const shortMs = 1_000;

/** Each bad answer, with the state it becomes and a word of what is said about it. */
const cases: [Misbehaviour, string, RegExp][] = [
  ["html", "nonsense", /downtimed: the answer is no whole JSON list/],
  ["half-json", "nonsense", /downtimed: the answer is no whole JSON list/],
  ["status-500", "nonsense", /downtimed was answered with HTTP 500: database is locked/],
  ["empty-502", "nonsense", /downtimed was answered with HTTP 502/],
  ["old-state", "nonsense", /old state: its backend is unhealthy/],
  ["odd-hosts", "nonsense", /an instance is not as Orchestrator writes it: Key is no host with a port/],
  ["nothing", "unreachable", /No whole answer within 1000 ms/],
  ["dribble", "unreachable", /No whole answer within 1000 ms/],
  ["unauthorized", "refused", /refuses our credentials \(HTTP 401\)/],
  ["redirect", "nonsense", /HTTP 302/],
];

describe.each(cases)("a leader that answers with %s", (how, state, detail) => {
  test("gives no view, and a view again once it stops", async () => {
    const orchestrator = await standIn({ instances });
    const client = clientOf(orchestrator.endpoints, { timeoutMs: shortMs });
    await orchestrator.beginDowntime(db2, "operator", "repair");
    expect(names(viewOf(await client.look({ instances: false })).downtimed)).toEqual(["db2:3306"]);
    await orchestrator.misbehave(0, how);
    // Without this row the downtime would seem to have ended.
    for (let round = 0; round < 2; round += 1) {
      const look = await client.look({ instances: false });
      expect(look).toMatchObject({ kind: "none" });
      const told = look.endpoints.find(({ url }) => url === orchestrator.endpoints[0]);
      expect(told).toMatchObject({ state, detail: expect.stringMatching(detail) });
    }
    await orchestrator.misbehave(0, null);
    expect(names(viewOf(await client.look({ instances: false })).downtimed)).toEqual(["db2:3306"]);
  });
});

/** Not in the cases above: whoever lies about who leads. */
const bad: Misbehaviour[] = [
  "html",
  "half-json",
  "status-500",
  "empty-502",
  "nothing",
  "dribble",
  "redirect",
];

describe.each(bad)("a leader whose raft-status and leader-check are %s", (how) => {
  test("gives no view, and the others none in its place", async () => {
    const orchestrator = await standIn({ instances });
    const client = clientOf(orchestrator.endpoints, { timeoutMs: shortMs });
    await orchestrator.misbehave(0, how, "standing");
    expect(await client.look({ instances: true })).toMatchObject({ kind: "none" });
  });
});

describe("followers that misbehave", () => {
  test.each(["nothing", "dribble", "html", "unauthorized"] as const)(
    "%s: the leader is not held up",
    async (how) => {
      const orchestrator = await standIn({ instances });
      const client = clientOf(orchestrator.endpoints, { timeoutMs: 30_000 });
      await orchestrator.misbehave(1, how);
      await orchestrator.misbehave(2, how);
      const start = Date.now();
      expect(viewOf(await client.look({ instances: true })).leader).toBe(orchestrator.endpoints[0]);
      expect(Date.now() - start).toBeLessThan(15_000);
    },
  );
});

test("a bad row of all-instances spoils the look that asked for it, and no other", async () => {
  const orchestrator = await standIn({ instances });
  const client = clientOf(orchestrator.endpoints);
  await orchestrator.setTopology([...instances, { host: "db\u00004", port: 3306, alias: "shop" }]);
  expect(await client.look({ instances: true })).toMatchObject({ kind: "none" });
  viewOf(await client.look({ instances: false }));
});

test("ten thousand instances come within the timeout, and nobody else waits for them", async () => {
  const orchestrator = await standIn({ instances });
  const client = clientOf(orchestrator.endpoints);
  viewOf(await client.look({ instances: true }));
  await orchestrator.misbehave(0, "ten-thousand");
  let longest = 0;
  let last = performance.now();
  const beat = setInterval(() => {
    longest = Math.max(longest, performance.now() - last);
    last = performance.now();
  }, 1);
  const start = performance.now();
  const view = viewOf(await client.look({ instances: true }));
  clearInterval(beat);
  expect(view.instances).toHaveLength(10_003);
  // Measured: about 20 ms at most at a time. JSON.parse of the whole would be several hundred.
  expect(longest, `${Math.round(performance.now() - start)} ms in all`).toBeLessThan(250);
});
