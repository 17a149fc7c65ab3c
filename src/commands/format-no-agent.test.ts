import { expect, it } from "vitest";
import { formatNoAgent } from "./format-no-agent.js";
import type { NoAgentDocument } from "./no-agent.js";

const document: NoAgentDocument = {
  schema: "proxysql-carp/no-agent/v1",
  at: "2026-11-21T03:00:00.000Z",
  node: "a",
  agent: "absent",
  why: "No agent answers on /var/run/proxysql-carp/agent.sock: ENOENT.",
  role: "MASTER",
  vhids: [{ vhid: "9@em0", role: "MASTER" }],
  serving: true,
  newest: {
    id: "0000000006-0000000012-a",
    text: "6.12@a",
    box: "outbox",
    takenAt: "2026-11-21T02:55:00.000Z",
    ageMs: 300_000,
  },
  lastTransition: {
    at: new Date(Date.now() - 7_200_000).toISOString(),
    before: "BACKUP",
    role: "MASTER",
    cause: "timer",
    outcome: "done",
    ms: 640,
  },
  problems: [],
};

function linesOf(change: Partial<NoAgentDocument>): string[] {
  return formatNoAgent({ ...document, ...change }).split("\n");
}

it("says that the agent does not run, what that means, what to do, and what can still be told", () => {
  expect(linesOf({})).toEqual([
    "The agent on a, this node, does not run.",
    "This node is MASTER: changes of its configuration do not reach the peer, and a",
    "ProxySQL that dies stays dead.",
    "To do: `service proxysql_carp start`; if it ends again, its lines in syslog",
    "       tell why.",
    "",
    "node          a",
    "role          MASTER (by ifconfig)",
    "vhids         9@em0 MASTER",
    "proxysql      serving",
    "configuration newest in the store: 6.12@a, taken here, 5 min old",
    "last change   BACKUP -> MASTER 2 h ago, as far as the journal tells",
    "asked         No agent answers on /var/run/proxysql-carp/agent.sock: ENOENT.",
    "",
  ]);
});

it("says what a passive node without an agent is short of", () => {
  const lines = linesOf({
    role: "BACKUP",
    serving: false,
    newest: null,
    lastTransition: null,
    problems: ["Oh."],
  });
  expect(lines[1]).toMatch(/^If this node becomes MASTER, its ProxySQL is not made ready/);
  expect(lines).toContain("proxysql      its client port does not answer");
  expect(lines).toContain("configuration no snapshot in the store");
  expect(lines).toContain("problems      Oh.");
});

it.each([
  ["silent", "The agent on a, this node, hangs", "To do: `service proxysql_carp restart`"],
  ["forbidden", "The agent on a, this node, may not be asked by this user.", "To do: Run this as root."],
  ["refusing", "No agent answers on", "To do: `service proxysql_carp restart`, if it is of another version."],
] as const)("says what to do about one that is %s", (agent, what, todo) => {
  const text = formatNoAgent({ ...document, agent });
  expect(text.startsWith(what)).toBe(true);
  expect(text).toContain(`\n${todo}`);
});

it("stays within its columns and lines, and lets nothing through that a terminal obeys", () => {
  const evil = "\u001b[2J 日本 ".repeat(80);
  const lines = linesOf({
    node: evil,
    why: evil,
    role: evil,
    vhids: Array.from({ length: 100 }, () => ({ vhid: evil, role: evil })),
    problems: [evil, evil],
  }).slice(0, -1);
  expect(lines.length).toBeLessThanOrEqual(23);
  for (const line of lines) expect(line).toMatch(/^[ -~]{0,79}$/);
});
