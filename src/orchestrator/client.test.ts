import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { describe, expect, onTestFinished, test } from "vitest";
import { createOrchestratorClient } from "./client.js";
import type { OrchestratorLook } from "./types.js";

const leading = { State: "Leader", IsPartOfQuorum: true, Leader: "a:10008", LeaderURI: "http://127.0.0.1:1" };
const healthy = { Code: "OK", Message: "", Details: { Healthy: true } };

/** What a leader answers, by path. A list is given one after the other; [status, document]. */
const well: Record<string, readonly (readonly [number, unknown])[]> = {
  "raft-status": [[200, leading]],
  "leader-check": [[200, "OK"]],
  health: [[200, healthy]],
  downtimed: [[200, null]],
  "audit-recovery": [[200, null]],
};

/** What a look at one node finds that answers as told; the last answer of a list stays. */
async function lookAt(
  change: Record<string, readonly (readonly [number, unknown])[]>,
): Promise<OrchestratorLook> {
  const script = { ...well, ...change };
  const asked = new Map<string, number>();
  const server = createServer((request, response) => {
    const path = request.url?.replace("/api/", "") ?? "";
    const turn = asked.get(path) ?? 0;
    asked.set(path, turn + 1);
    const answers = script[path] ?? [];
    const [status, document] = answers[Math.min(turn, answers.length - 1)] ?? [404, "404 page not found"];
    response.writeHead(status).end(JSON.stringify(document));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const client = createOrchestratorClient({ endpoints: [url], auth: "none", timeoutMs: 5_000 });
  onTestFinished(async () => {
    await client.close();
    server.close();
  });
  return client.look({ instances: false });
}

test("a leader that answers as it should is believed, and null is an empty list", async () => {
  expect(await lookAt({})).toMatchObject({
    kind: "view",
    view: { downtimed: [], recoveries: [], instances: null },
  });
});

describe("not believed:", () => {
  const notLeader = [404, "Not leader"] as const;
  test.each<[string, Record<string, readonly (readonly [number, unknown])[]>, string]>([
    ["one that ceases to lead while it answers", { "leader-check": [[200, "OK"], notLeader] }, "follower"],
    ["one that leads only afterwards", { "leader-check": [notLeader, [200, "OK"]] }, "follower"],
    [
      "two that answer by turns as one",
      { "raft-status": [[200, { ...leading, State: "Follower" }]] },
      "follower",
    ],
    [
      "a leader without quorum",
      { "raft-status": [[200, { ...leading, IsPartOfQuorum: false }]] },
      "no-quorum",
    ],
    ["a quorum without a leader", { "raft-status": [[200, { ...leading, Leader: "" }]] }, "no-quorum"],
    [
      "one that does not say whether it is in quorum",
      { "raft-status": [[200, { State: "Leader" }]] },
      "nonsense",
    ],
    [
      "an error of raft that is not its absence",
      { "raft-status": [[500, { Code: "ERROR", Message: "?" }]] },
      "nonsense",
    ],
    [
      "the absence of raft from one that says 200",
      { "raft-status": [[200, { Message: "not running with raft setup" }]] },
      "nonsense",
    ],
    ["a page that is there for every path", { "leader-check": [[200, "hello"]] }, "nonsense"],
    ["a 404 of something else", { "leader-check": [[404, "404 page not found"]] }, "nonsense"],
    [
      "one whose backend says that it is unwell",
      { health: [[200, { Code: "OK", Details: { Healthy: false } }]] },
      "nonsense",
    ],
    ["one without downtimes", { downtimed: [[404, "404 page not found"]] }, "nonsense"],
    [
      "one without recoveries",
      { "audit-recovery": [[500, { Code: "ERROR", Message: "no such table" }]] },
      "nonsense",
    ],
    [
      "an object where a list should be",
      { downtimed: [[200, { Code: "OK", Message: "", Details: [] }]] },
      "nonsense",
    ],
  ])("%s", async (_, change, state) => {
    const look = await lookAt(change);
    // The leader that a follower names is not there.
    expect(look).toMatchObject({ kind: "none" });
    expect(look.endpoints[0]).toMatchObject({ state });
  });
});

test("what an endpoint says is shown as one short line that no terminal obeys", async () => {
  const message = `bad\n\u001b[2J${"x".repeat(1_000)}`;
  const look = await lookAt({ downtimed: [[500, { Code: "ERROR", Message: message, Details: null }]] });
  expect(look.endpoints[0]?.detail).toMatch(/^downtimed was answered with HTTP 500: bad\\n\\x1b\[2Jx{20}/);
  expect(look.endpoints[0]?.detail.length).toBeLessThan(320);
});

test("an endpoint that is no URL is a mistake of the configuration", () => {
  const options = { endpoints: ["orc1:3000"], auth: "none", timeoutMs: 1 } as const;
  expect(() => createOrchestratorClient(options)).toThrow(/number 1 is no URL/);
});
