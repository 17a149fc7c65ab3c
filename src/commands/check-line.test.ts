import { describe, expect, it } from "vitest";
import { reasonOf, someStatus } from "../http/test-sources.js";
import { type CheckedStatus, checkLine, unknownLine } from "./check-line.js";

const care: CheckedStatus["care"] = {
  unwellSince: null,
  restarts: 0,
  share: 0,
  shareWhy: null,
  shareSince: null,
  total: 0,
  preempt: false,
  allow: true,
  moves: 0,
  exhausted: false,
};

function statusOf(change: Partial<CheckedStatus> = {}): CheckedStatus {
  return { ...someStatus, alive: { ok: true, why: null }, reasons: [], care, ...change };
}

const down = reasonOf("proxysql-down", { sentence: "ProxySQL is down.", todo: "Start it." });
const drift = reasonOf("drift", { sentence: "Memory is not on disk.", todo: "SAVE it." });
const unreachable = reasonOf("peer-unreachable", {
  about: "b",
  sentence: "b is away.",
  todo: "Look at b.",
  since: "2026-11-21T02:00:00.000Z",
});
const [peer] = someStatus.peers;
if (peer === undefined) throw new Error("the status has no peer");

describe("check", () => {
  it.each<[string, Partial<CheckedStatus>, Parameters<typeof checkLine>[1], string, string]>([
    ["a MASTER in order", {}, undefined, "OK", "MASTER, serving 6.12@a, peer b has it"],
    [
      "a MASTER whose peer is behind",
      { peers: [{ ...peer, best: { text: "6.11@a" } }] },
      undefined,
      "OK",
      "MASTER, serving 6.12@a, peer b lacks it",
    ],
    [
      "a cold BACKUP with maintenance on",
      {
        role: "BACKUP",
        standby: "cold",
        proxysql: { ...someStatus.proxysql, up: false, serving: false },
        maintenance: { since: "2026-11-21T03:00:00Z", note: null, forcePromotion: false },
        peers: [{ ...peer, report: { role: "MASTER" } }],
      },
      undefined,
      "OK",
      "BACKUP, cold standby, holds 6.12@a, maintenance on, peer b is MASTER",
    ],
    [
      "one that never had a snapshot",
      { role: "BACKUP", running: null, peers: [{ ...peer, report: null }] },
      undefined,
      "OK",
      "BACKUP, serving nothing of the pair yet, peer b is silent",
    ],
    ["a warning", { reasons: [drift] }, undefined, "WARNING", "drift: Memory is not on disk. SAVE it."],
    [
      "several reasons, the oldest critical one first",
      { reasons: [drift, down, unreachable] },
      undefined,
      "CRITICAL",
      "peer-unreachable (b): b is away. Look at b. Also: proxysql-down, drift.",
    ],
    [
      "one group of several",
      { reasons: [drift, down, unreachable] },
      "peer",
      "CRITICAL",
      "peer: peer-unreachable (b): b is away. Look at b.",
    ],
    [
      "a group in order while another is not",
      { reasons: [down] },
      "snapshots",
      "OK",
      "snapshots: MASTER, serving 6.12@a, peer b has it",
    ],
  ])("tells %s", (_, change, group, state, text) => {
    const told = checkLine(statusOf(change), group);
    expect(told.state).toBe(state);
    expect(told.line.split(" | ")[0]).toBe(`PROXYSQL-CARP ${state} - ${text}`);
  });

  it("believes no reasons of an agent whose loops stand still", () => {
    expect(checkLine(statusOf({ alive: { ok: false, why: "The agent hangs." } }), undefined)).toEqual({
      state: "UNKNOWN",
      line: "PROXYSQL-CARP UNKNOWN - The agent hangs.\n",
    });
  });

  it("adds performance data as the guidelines write it", () => {
    const { line } = checkLine(statusOf({ reasons: [drift, down] }), undefined);
    const data = line.trimEnd().split(" | ")[1] ?? "";

    expect(data).toBe(
      "snapshot_age=60.000s;;;0 reasons=2;;;0 critical=1;;;0 warnings=1;;;0 peers_up=1;;;0;1 demotion=0 drill_time=0.900s;;;0",
    );
    for (const value of data.split(" ")) expect(value).toMatch(/^[a-z_]+=-?\d+(\.\d+)?s?(;\d*){0,4}$/);
  });

  it("leaves out what is not known", () => {
    const status = statusOf({ lastTaken: null, drill: null, care: { ...care, total: null } });
    expect(checkLine(status, undefined).line.split(" | ")[1]).toBe(
      "reasons=0;;;0 critical=0;;;0 warnings=0;;;0 peers_up=1;;;0;1\n",
    );
  });

  it("is one line with one | whatever the texts are, and not too long for NRPE", () => {
    const evil = { ...down, sentence: `a|b\nCRITICAL - forged\u001b[2J ${"x".repeat(5_000)}` };
    const { line } = checkLine(statusOf({ reasons: [evil] }), undefined);
    expect(line.match(/\n/g)).toHaveLength(1);
    expect(line.match(/\|/g)).toHaveLength(1);
    expect(line).not.toMatch(/[^\P{C}\n]/u);
    expect(line.length).toBeLessThan(1_000);
  });
});

it("tells what is unknown in one line, the first of several", () => {
  expect(unknownLine("a.toml:3: expected x.\na.toml:4: expected y.")).toBe(
    "PROXYSQL-CARP UNKNOWN - a.toml:3: expected x.\n",
  );
});
