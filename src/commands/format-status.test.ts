import { expect, it } from "vitest";
import type { StatusDocument } from "../agent/status.js";
import { reasonOf } from "../http/test-sources.js";
import { formatStatus } from "./format-status.js";

/** A text that clears the screen and forges a line. */
const evil = "\u001b[2J\u009b2J\nrole MASTER";

const dated = { snapshot: evil, at: "2026-11-21T00:00:00Z", ageMs: 3_000 };

const status = {
  schema: "proxysql-carp/status/v1",
  at: "2026-11-21T00:00:00Z",
  version: evil,
  node: evil,
  role: evil,
  vhids: [
    { vhid: evil, role: evil },
    { vhid: "10@em1", role: "BACKUP" },
  ],
  standby: evil,
  leads: 6,
  running: { epoch: 6, sequence: 12, node: evil, text: evil },
  proxysql: { up: true, admin: true, serving: true, paused: false, version: evil },
  lastTaken: dated,
  lastReceived: dated,
  lastInstalled: dated,
  peers: [
    {
      name: evil,
      link: "up",
      error: null,
      lastShipped: dated,
      pending: evil,
      best: { epoch: 6, sequence: 12, node: evil, text: evil },
      report: { role: evil },
      viewAgeMs: 1_000,
    },
  ],
  maintenance: { since: evil, note: evil, forcePromotion: false },
  drill: {
    at: "2026-11-21T00:00:00Z",
    snapshot: evil,
    ok: false,
    judged: true,
    ms: 1,
    startMs: null,
    why: evil,
  },
  reasons: [
    {
      code: evil,
      about: evil,
      group: evil,
      severity: evil,
      since: "2026-11-21T00:00:00Z",
      sentence: evil,
      todo: evil,
    },
  ],
  problems: [evil, `${evil}!`],
} as unknown as StatusDocument;

it("lets nothing that came from elsewhere reach the terminal raw", () => {
  const lines = formatStatus(status).split("\n");

  expect(lines).toHaveLength(19);
  expect(lines.filter((line) => /[^\P{C}]/u.test(line))).toEqual([]);
  expect(lines[0]).toBe("node          \\x1b[2J\\x9b2J\\nrole MASTER (agent \\x1b[2J\\x9b2J\\nrole MASTER)");
});

it("tells each reason once, with what to do, and what is wrong besides", () => {
  const since = new Date(Date.now() - 7_200_000).toISOString();
  const text = formatStatus({
    ...status,
    reasons: [
      reasonOf("drift", { since, sentence: "Memory is not on disk.", todo: "SAVE it." }),
      reasonOf("proxysql-down", { since, sentence: "It is down.", todo: "Start it." }),
    ],
    problems: ["Memory is not on disk.", "It is down.", "A step failed."],
  });
  expect(text.split("\n").slice(-6)).toEqual([
    "problems      proxysql-down, critical for 2 h: It is down.",
    "                Start it.",
    "              drift, warning for 2 h: Memory is not on disk.",
    "                SAVE it.",
    "              A step failed.",
    "",
  ]);
  expect(formatStatus({ ...status, reasons: [], problems: [] })).toMatch(/\nproblems {6}none\n$/);
});
