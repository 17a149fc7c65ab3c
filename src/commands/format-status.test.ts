import { beforeEach, describe, expect, it, vi } from "vitest";
import { reasonOf, someStatus } from "../http/test-sources.js";
import type { Colours } from "./colour.js";
import { formatStatus, type ShownStatus } from "./format-status.js";

const id = "0000000006-0000000012-a";
const dated = { snapshot: id, at: "2026-11-21T02:59:00.000Z", ageMs: 60_000 };
const running = { epoch: 6, sequence: 12, node: "a", text: "6.12@a" };
const proxysql = { up: true, serving: true, version: "2.7.1" };
const report = {
  role: "BACKUP" as const,
  leads: null,
  running: { epoch: 6, sequence: 12, node: "a" },
  standby: "warm" as const,
  proxysql,
  ready: true,
  reasons: [],
  maintenance: false,
};
const peer = {
  name: "b",
  link: "up",
  error: null,
  lastShipped: dated,
  pending: null,
  best: running,
  report,
  viewAgeMs: 500,
};
const care = {
  unwellSince: null,
  restarts: 0,
  share: 0,
  shareWhy: null,
  shareSince: null,
  total: 0,
  preempt: true,
  allow: true,
  moves: 0,
  exhausted: false,
};

const status: ShownStatus = {
  schema: "proxysql-carp/status/v1",
  ...someStatus,
  running,
  lastTaken: dated,
  lastReceived: null,
  lastInstalled: null,
  peers: [peer],
  alive: { ok: true, why: null },
  ready: true,
  reasons: [],
  care,
  drill: null,
  doubts: [],
  problems: [],
};

const passive: ShownStatus = {
  ...status,
  node: "b",
  role: "BACKUP",
  leads: null,
  lastReceived: dated,
  lastInstalled: { ...dated, ageMs: 59_000 },
  peers: [{ ...peer, name: "a", report: { ...report, role: "MASTER", leads: 6 } }],
};

function linesOf(change: Partial<ShownStatus>, of = status): string[] {
  return formatStatus({ ...of, ...change }).split("\n");
}

beforeEach(() => {
  vi.useFakeTimers({ toFake: ["Date"], now: Date.parse("2026-11-21T03:00:00Z") });
  return () => vi.useRealTimers();
});

describe("the screen", () => {
  it("is that of an active node in order", () => {
    expect(
      linesOf({
        drill: { ...someStatus.drill, snapshot: id, judged: true, startMs: 1 } as ShownStatus["drill"],
        lastTransition: {
          at: "2026-11-21T01:00:00.000Z",
          before: "BACKUP",
          role: "MASTER",
          cause: "devd 9@em0 MASTER",
          outcome: "done",
          ms: 640,
        },
      }),
    ).toEqual([
      "a, this node, is active: it is MASTER and serves clients.",
      "b stands by and is ready to take over.",
      "",
      "node          a (agent 0.1.0), warm standby",
      "role          MASTER, leads epoch 6",
      "vhids         9@em0 MASTER, 10@em1 BACKUP",
      "proxysql      2.7.1, serving",
      "configuration 6.12@a, taken 1 min ago",
      "peer b        BACKUP; link up, heard 500 ms ago",
      "              ProxySQL 2.7.1, serving",
      "              holds 6.12@a, our newest; last shipped 1 min ago",
      "restore drill 24 h ago, succeeded in 900 ms",
      "last change   BACKUP -> MASTER 2 h ago, done after 640 ms (devd 9@em0 MASTER)",
      "",
    ]);
  });

  it("is that of a passive node in order", () => {
    expect(linesOf({}, passive)).toEqual([
      "a is active: it is MASTER and serves clients.",
      "b, this node, stands by and is ready to take over.",
      "",
      "node          b (agent 0.1.0), warm standby",
      "role          BACKUP",
      "vhids         9@em0 MASTER, 10@em1 BACKUP",
      "proxysql      2.7.1, serving",
      "configuration 6.12@a, received 1 min ago, in use for 59.0 s",
      "peer a        MASTER; link up, heard 500 ms ago",
      "              ProxySQL 2.7.1, serving",
      "              runs 6.12@a",
      "",
    ]);
  });

  it("tells of demotion, maintenance and a switchover only when they are there", () => {
    const lines = linesOf({
      care: { ...care, total: 480, share: 240, shareWhy: "unready", shareSince: Date.now() - 180_000 },
      maintenance: { since: "2026-11-21T02:00:00Z", note: "disk", forcePromotion: true },
      switchover: { id: "1", phase: "drain", from: "a", to: "b", since: "2026-11-21T02:59:57Z" },
    } as Partial<ShownStatus>);
    expect(lines.slice(6, 9)).toEqual([
      "switchover    from a to b, for 3.0 s: drain",
      "maintenance   on for 1 h, takes over all the same: disk",
      "demotion      480, 240 of it ours, unready for 3 min",
    ]);
    expect(linesOf({ care: { ...care, total: 240 } })[6]).toBe("demotion      240, none of it ours");
  });

  it("tells what of the newest configuration is not over there yet", () => {
    const best = { ...running, sequence: 11, text: "6.11@a" };
    expect(linesOf({ peers: [{ ...peer, best, pending: id }] })).toContain(
      "              holds 6.11@a, not our newest; last shipped 1 min ago; 6.12@a",
    );
    expect(linesOf({ lastReceived: { ...dated, snapshot: "0000000006-0000000013-a" } }, passive)).toContain(
      "configuration 6.12@a; received last: 6.13@a, 1 min ago",
    );
  });

  it("tells that the other node is in maintenance", () => {
    const [theirs] = passive.peers;
    const resting = { ...theirs, report: { ...theirs?.report, maintenance: true } };
    expect(linesOf({ peers: [resting] } as Partial<ShownStatus>, passive)).toContain(
      "peer a        MASTER, in maintenance; link up, heard 500 ms ago",
    );
  });

  it("counts vhids when there are many", () => {
    const vhids = Array.from({ length: 40 }, (_, n) => ({
      vhid: `${n}@em0`,
      role: n < 38 ? "MASTER" : "BACKUP",
    }));
    expect(linesOf({ vhids })).toContain("vhids         40: 38 MASTER, 2 BACKUP");
  });
});

describe("what is said first", () => {
  const silent = { ...peer, link: "down", viewAgeMs: null, report: null };
  const asBackup = { node: "b", role: "BACKUP", leads: null };
  it.each<[string, Partial<ShownStatus>, string[]]>([
    [
      "an active node that does not serve",
      { proxysql: { ...status.proxysql, serving: false } },
      [
        "a, this node, is MASTER, but its ProxySQL does NOT serve clients.",
        "b stands by and is ready to take over.",
      ],
    ],
    [
      "a peer that is away",
      { peers: [silent] },
      [
        "a, this node, is active: it is MASTER and serves clients.",
        "b cannot be asked: whether it could take over is not known.",
      ],
    ],
    [
      "a peer without an agent",
      { peers: [{ ...peer, report: null }] },
      [
        "a, this node, is active: it is MASTER and serves clients.",
        "b is up, but its agent does not answer: it is not ready.",
      ],
    ],
    [
      "a peer that is not ready",
      {
        peers: [
          { ...peer, report: { ...report, ready: false, reasons: ["drill-failed", "disk-nearly-full"] } },
        ],
      },
      [
        "a, this node, is active: it is MASTER and serves clients.",
        "b stands by but is NOT ready: drill-failed, disk-nearly-full.",
      ],
    ],
    [
      "a peer in maintenance",
      { peers: [{ ...peer, report: { ...report, maintenance: true } }] },
      [
        "a, this node, is active: it is MASTER and serves clients.",
        "b is in maintenance: it does not take over.",
      ],
    ],
    [
      "two active nodes",
      { peers: [{ ...peer, report: { ...report, role: "MASTER" } }] },
      ["a and b are MASTER at once: clients reach either of them.", "b is MASTER as well."],
    ],
    [
      "two passive nodes",
      { ...asBackup, peers: [{ ...peer, name: "a" }] },
      ["No node is active: clients are not served.", "b, this node, stands by and is ready to take over."],
    ],
    [
      "a passive node alone",
      { ...asBackup, peers: [{ ...silent, name: "a" }] },
      [
        "Who is active is not known: b is not, and a does not say.",
        "b, this node, stands by and is ready to take over.",
      ],
    ],
    [
      "a node that does not know its role",
      { role: "unknown", peers: [] },
      [
        "Who is active is not known: a cannot tell its own role.",
        "a, this node, does nothing until it knows its role.",
      ],
    ],
    [
      "a passive node in maintenance",
      {
        ...asBackup,
        peers: passive.peers,
        maintenance: { since: "2026-11-21T02:00:00Z", note: null, forcePromotion: false },
      },
      [
        "a is active: it is MASTER and serves clients.",
        "b, this node, is in maintenance: it does not take over.",
      ],
    ],
  ])("is %s", (_, change, sentences) => {
    expect(linesOf(change).slice(0, 3)).toEqual([...sentences, ""]);
  });

  it("is that the agent hangs, for all else may be old", () => {
    expect(linesOf({ alive: { ok: false, why: "No round for 3 min." } })[0]).toBe(
      "The agent on a hangs, so all below may be old: No round for 3 min.",
    );
  });
});

describe("what is wrong", () => {
  it("is told with what to do, the worst first, and what is no reason last", () => {
    const since = "2026-11-21T01:00:00Z";
    const lines = linesOf({
      reasons: [
        reasonOf("drift", { since, sentence: "Memory is not on disk.", todo: "SAVE it." }),
        reasonOf("proxysql-down", { since, sentence: "It is down.", todo: "Start it." }),
      ],
      problems: ["Memory is not on disk.", "It is down.", "A step failed."],
    });
    expect(lines[2]).toBe("Not all is well: 1 critical, 1 warning, see below.");
    expect(lines.slice(-9)).toEqual([
      "",
      "proxysql-down: critical for 2 h",
      "  It is down.",
      "  To do: Start it.",
      "drift: warning for 2 h",
      "  Memory is not on disk.",
      "  To do: SAVE it.",
      "A step failed.",
      "",
    ]);
  });

  it("is told of the worst as far as there is room, with what to do, and where the rest is", () => {
    const long = "A sentence that goes on for quite a while. ".repeat(6).trim();
    const reasons = (["proxysql-down", "not-serving", "drift"] as const).map((code) =>
      reasonOf(code, { sentence: long, todo: "Do it." }),
    );
    const lines = linesOf({ reasons });
    expect(lines.length).toBeLessThanOrEqual(24);
    expect(lines.slice(13)).toEqual([
      "proxysql-down: critical for 0 ms",
      ...Array.from({ length: 4 }, () => expect.stringMatching(/^ {2}\S/)),
      "  To do: Do it.",
      "2 more: `proxysql-carp reasons`",
      "",
    ]);
    const [reason] = [reasonOf("both-master", { sentence: long.repeat(5), todo: "Do this." })];
    const cut = linesOf({ reasons: [reason] });
    expect(cut).toHaveLength(24);
    expect(cut.slice(-3)).toEqual([expect.stringMatching(/\.\.\.$/), "  To do: Do this.", ""]);
  });
});

describe("the lock in the status", () => {
  const lockOf = (lock: ShownStatus["lock"]): string | undefined =>
    linesOf({ lock: lock ?? null }).find((line) => line.startsWith("lock "));

  it("is told only where one is configured: who has it, and whether it can be asked", () => {
    const held = { held: true, wanted: true, holder: "a", problem: null };
    expect(lockOf(null)).toBeUndefined();
    expect(lockOf(held)).toMatch(/^lock +held here$/);
    expect(lockOf({ ...held, held: false, holder: "b" })).toMatch(/^lock +b has it$/);
    expect(lockOf({ ...held, held: false, holder: null, problem: "x" })).toMatch(
      /^lock +nobody is known to have it; it cannot be asked$/,
    );
  });
});

/** A text that clears the screen and forges a line. */
const evil = "\u001b[2J\u009b2J\nrole MASTER \u202e Prüfung 日本";

/** The same status with every text in it replaced. */
function poisoned<T>(value: T, text: string): T {
  if (typeof value === "string") return (/^\d{4}-\d\d-\d\dT/.test(value) ? value : text) as T;
  if (Array.isArray(value)) return value.map((one) => poisoned(one, text)) as T;
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, one]) => [key, poisoned(one, text)])) as T;
}

const whole: ShownStatus = {
  ...status,
  drill: {
    at: "2026-11-21T00:00:00Z",
    snapshot: id,
    ok: false,
    judged: true,
    ms: 1,
    startMs: null,
    why: "x",
  },
  care: { ...care, total: 480, share: 240, shareWhy: "unready", shareSince: 1 },
  lock: { held: false, wanted: true, holder: "b", problem: "etcd answers 503." },
  maintenance: { since: "2026-11-21T02:00:00Z", note: "disk", forcePromotion: true },
  switchover: { phase: "drain", from: "a", to: "b", since: "2026-11-21T02:59:57Z" },
  lastTransition: {
    at: "2026-11-21T01:00:00.000Z",
    before: "BACKUP",
    role: "MASTER",
    cause: "timer",
    outcome: "done",
    ms: 640,
  },
  reasons: [reasonOf("drift"), reasonOf("proxysql-down")],
  problems: ["What drift means here.", "Another one."],
};

describe.each([
  ["that is evil", evil],
  ["without end", "x".repeat(500)],
  ["of many words", "A few words ".repeat(60)],
])("with every text one %s", (_, text) => {
  it.each([
    [79, 23],
    [39, 10],
    [20, 5],
  ])("stays within %i columns and %i lines of ASCII", (width, height) => {
    for (const side of [whole, { ...whole, ...passive }]) {
      const page = formatStatus(poisoned(side, text), { width, height });
      const lines = page.slice(0, -1).split("\n");
      expect(lines.length).toBeLessThanOrEqual(height);
      for (const line of lines) {
        expect(line.length).toBeLessThanOrEqual(width);
        expect(line).toMatch(/^[ -~]*$/);
      }
    }
  });
});

it("has its colours beside the words, which are the same without them", () => {
  const mark = (name: string) => (text: string) => `<${name}>${text}</${name}>`;
  const colours: Colours = {
    good: mark("good"),
    warn: mark("warn"),
    bad: mark("bad"),
    dim: mark("dim"),
    bold: mark("bold"),
  };
  const coloured = formatStatus(whole, undefined, colours);
  expect(coloured).toContain("<bad>proxysql-down: critical for 0 ms</bad>");
  expect(coloured.replaceAll(/<\/?[a-z]+>/g, "")).toBe(formatStatus(whole));
});
