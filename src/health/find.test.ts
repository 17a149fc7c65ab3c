import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { CareView } from "../role/care.js";
import type {
  CarpFacts,
  Facts,
  FenceFacts,
  HostFacts,
  LockFacts,
  PeerFacts,
  ProxysqlFacts,
  SnapshotFacts,
} from "./facts.js";
import { findReasons } from "./find.js";
import { type ReasonCode, reasonKinds } from "./reason.js";
import { keyOf } from "./reason-book.js";
import { care, peer, well } from "./test-facts.js";

const carp = (change: Partial<CarpFacts>): Facts => ({ ...well, carp: { ...well.carp, ...change } });
const cares = (change: Partial<CareView>, more: Partial<CarpFacts> = {}): Facts =>
  carp({ ...more, care: { ...care, ...change } });
const proxysql = (change: Partial<ProxysqlFacts>): Facts => ({
  ...well,
  proxysql: { ...well.proxysql, ...change },
});
const snapshots = (change: Partial<SnapshotFacts>): Facts => ({
  ...well,
  snapshots: { ...well.snapshots, ...change },
});
const peers = (change: Partial<PeerFacts>): Facts => ({ ...well, peers: [{ ...peer, ...change }] });
const host = (change: Partial<HostFacts>): Facts => ({ ...well, host: { ...well.host, ...change } });

const fenceless: FenceFacts = { fences: [], unknown: [], problem: null, silence: null, isolation: null };
const fence = (change: Partial<FenceFacts>): Facts => ({ ...well, fence: { ...fenceless, ...change } });

const vhid = { vhid: "9@em0", role: "MASTER", protocol: "carp", advskew: 0, advbase: 1 } as const;
const lacking = { of: "b", runs: "6.12@a", holds: "6.11@a", forMs: 300_000 };
const error = { code: "peer-unreachable", sentence: "connect ECONNREFUSED.", hint: "Is the peer up?" };
const shadow = { event: "9@em0 INIT", ours: "/o.conf:1", by: "/x.conf:7", priority: 900, tie: false };
const drift = { table: "mysql_servers", layer: "memory", rows: 5, examples: ["db1:3306"] } as const;
const fenced = {
  server: "db1:3306",
  kind: "replaced",
  detail: "DeadMaster at 2026, recovery 1:2",
  successor: "db2:3306",
  since: "2026",
} as const;
const silence = { why: "http://orc1:3000 is unreachable: ECONNREFUSED.", forMs: 3_000, graceMs: 10_000 };
const isolation = { kind: "cut-off", why: silence.why, action: "fence", since: "2026" } as const;
const lock: LockFacts = { holder: "b", problem: null, notHeldForMs: 0, unreachableForMs: 0 };
const disk = { path: "/var/db", free: 1_000_000, total: 1e9, low: true };

/** `key`, the facts that raise it, and facts in which it is nearly so, but no reason yet or none at all. */
const cases: readonly (readonly [string, Facts, ...Facts[]])[] = [
  [
    "no-verified-snapshot",
    snapshots({ usable: 0, noneForMs: 15_000 }),
    snapshots({ usable: 0, noneForMs: 14_000 }),
  ],
  ["snapshot-too-old b", peers({ lacking }), peers({ lacking: { ...lacking, forMs: 299_000 } })],
  ["snapshot-too-old", snapshots({ lacking }), snapshots({ lacking: { ...lacking, forMs: 299_000 } })],
  [
    "snapshot-not-taken",
    snapshots({ takeError: "mysql_servers has none now.", takeErrorForMs: 10_000 }),
    snapshots({ takeError: "mysql_servers has none now.", takeErrorForMs: 9_000 }),
    snapshots({ takeError: "left from when it led", takeErrorForMs: 90_000, leads: false }),
  ],
  ["newest-doubted", snapshots({ newestDoubted: { newest: "6.12@a", usable: "6.11@a" } })],
  ["snapshot-doubted 6-12-a", snapshots({ doubts: [{ id: "6-12-a", why: "It died.", at: "2026" }] })],
  [
    "drill-failed",
    snapshots({ drill: { at: "2026", snapshot: "6-12-a", ok: false, why: "It did not serve." } }),
    snapshots({ drill: null }),
  ],
  ["quarantine-not-empty", snapshots({ quarantine: ["6-11-a-20260101T000000000Z"] })],
  [
    "table-definitions-differ b",
    peers({ definitionsDifferForMs: 30_000 }),
    peers({ definitionsDifferForMs: 29_000 }),
  ],
  ["tls-files-differ b", peers({ tlsDifferForMs: 60_000 }), peers({ tlsDifferForMs: 59_000 })],
  [
    "tls-files-differ a",
    snapshots({ tls: { missing: ["proxysql-key.pem"], differsFrom: null, differForMs: 60_000 } }),
    snapshots({ tls: { missing: ["proxysql-key.pem"], differsFrom: null, differForMs: 1_000 } }),
  ],
  [
    "tls-files-differ a",
    snapshots({ tls: { missing: [], differsFrom: "6-12-a", differForMs: 60_000 } }),
    snapshots({ tls: { missing: [], differsFrom: "6-12-a", differForMs: 1_000 } }),
  ],
  ...(["divergence", "superseded-unshipped", "local-edit-replaced", "report"] as const).map(
    (kind) =>
      [
        "divergence",
        snapshots({
          divergence: { kind, at: "2026", ours: "6.12@a", theirs: "7.1@b", live: "ours", path: null },
        }),
      ] as const,
  ),
  [
    "peer-unreachable b",
    peers({ unreachableForMs: 5_000, error, live: false }),
    peers({ unreachableForMs: 4_000, error, live: false }),
  ],
  [
    "host-key-changed b",
    peers({ unreachableForMs: 1, live: false, error: { ...error, code: "peer-host-key" } }),
    peers({ unreachableForMs: 0, error: { ...error, code: "peer-host-key" } }),
  ],
  [
    "peer-agent-down b",
    peers({ agentDownForMs: 8_000, live: false }),
    peers({ agentDownForMs: 7_000, live: false }),
  ],
  [
    "peer-not-ready b",
    peers({ notReadyForMs: 10_000, reasons: ["proxysql-down"] }),
    peers({ notReadyForMs: 9_000, reasons: ["proxysql-down"] }),
    peers({ notReadyForMs: 90_000, role: "MASTER" }),
  ],
  [
    "clock-skew b",
    peers({ skewMs: -4_000, skewedForMs: 10_000 }),
    peers({ skewMs: -4_000, skewedForMs: 9_000 }),
  ],
  [
    "version-mismatch b",
    peers({ proxysqlVersions: { ours: "2.7.1", theirs: "3.0.0" }, mismatchForMs: 60_000 }),
    peers({ proxysqlVersions: { ours: "2.7.1", theirs: "3.0.0" }, mismatchForMs: 59_000 }),
    peers({ mismatchForMs: 60_000 }),
  ],
  [
    "role-unknown",
    carp({ role: "unknown", unknownForMs: 3_000, problem: "ifconfig failed." }),
    carp({ role: "unknown", unknownForMs: 2_000 }),
  ],
  [
    "both-master b",
    peers({ role: "MASTER", bothMasterForMs: 1_000 }),
    peers({ role: "MASTER", bothMasterForMs: 900 }),
  ],
  [
    "stonith-failed b",
    carp({ misses: [{ peer: "b", why: "ipmitool ended with 1", held: true }] }),
    carp({ misses: [] }),
  ],
  [
    "lock-not-held",
    carp({ lock: { ...lock, notHeldForMs: 2_000 } }),
    carp({ lock: { ...lock, notHeldForMs: 1_000 } }),
    carp({ lock: null }),
  ],
  [
    "lock-unreachable",
    carp({ lock: { ...lock, problem: "etcd answers 503.", unreachableForMs: 5_000 } }),
    carp({ lock: { ...lock, problem: "etcd answers 503.", unreachableForMs: 4_000 } }),
  ],
  ["own-demotion", cares({ share: 241, shareWhy: "no-lock" }, { ownForMs: 10_000 })],
  ["no-master", carp({ role: "INIT", noMasterForMs: 10_000 }), carp({ role: "INIT", noMasterForMs: 9_000 })],
  [
    "vhids-split",
    carp({ splitForMs: 10_000, vhids: [vhid, { ...vhid, vhid: "10@em1", role: "BACKUP" }] }),
    carp({ splitForMs: 9_000, vhids: [vhid, { ...vhid, vhid: "10@em1", role: "BACKUP" }] }),
  ],
  ["role-opposite", proxysql({ oppositeForMs: 25_000 }), proxysql({ oppositeForMs: 24_000 })],
  [
    "role-opposite",
    proxysql({ expected: false, standby: "cold", oppositeForMs: 12_000 }),
    proxysql({ expected: false, standby: "cold", oppositeForMs: 11_000 }),
    proxysql({ expected: false, standby: "cold", running: false }),
  ],
  [
    "carp-will-fight 9@em0",
    peers({ vhids: [{ vhid: "9@em1", advskew: 0, advbase: 1 }] }),
    peers({ vhids: [{ vhid: "9@em1", advskew: 0, advbase: 2 }] }),
    peers({ vhids: [{ vhid: "10@em0", advskew: 0, advbase: 1 }] }),
    peers({ vhids: null }),
  ],
  [
    "carp-will-fight 9@em0",
    carp({ vhids: [{ ...vhid, advskew: 241 }] }),
    carp({ vhids: [{ ...vhid, advskew: 240 }] }),
  ],
  ["carp-will-fight 9@em0", carp({ vhids: [{ ...vhid, protocol: "vrrp", advskew: null, advbase: null }] })],
  ["carp-will-fight preempt", cares({ preempt: false }), cares({ preempt: null })],
  ["carp-will-fight preempt", peers({ preempt: false }), peers({ preempt: null })],
  [
    "foreign-demotion",
    cares({ total: 240 }, { foreignDemotion: 240, foreignForMs: 60_000 }),
    cares({ total: 240 }, { foreignDemotion: 240, foreignForMs: 59_000 }),
    cares({ total: null }, { foreignDemotion: null, foreignForMs: 90_000 }),
  ],
  ["foreign-demotion", cares({ total: -240 }, { foreignDemotion: -240, foreignForMs: 60_000 })],
  [
    "own-demotion",
    cares({ share: 241, shareWhy: "unready" }, { ownForMs: 10_000 }),
    cares({ share: 241, shareWhy: "unready" }, { ownForMs: 9_000 }),
  ],
  [
    "own-demotion",
    cares({ share: 241, shareWhy: "maintenance" }, { ownForMs: 10_000 }),
    cares({ share: 241, shareWhy: "maintenance" }, { ownForMs: 9_000 }),
  ],
  ["own-demotion", cares({ share: 241, shareWhy: "given-away" }, { ownForMs: 1 })],
  ["moves-exhausted", cares({ exhausted: true, moves: 6 })],
  ["maintenance-on", carp({ maintenance: { since: "2026", note: "disks", forcePromotion: false } })],
  [
    "proxysql-down",
    proxysql({ running: false, downForMs: 3_000, problems: ["ECONNREFUSED."] }),
    proxysql({ running: false, downForMs: 2_000 }),
  ],
  ["not-serving", proxysql({ deafForMs: 3_000, paused: true }), proxysql({ deafForMs: 2_000, paused: true })],
  [
    "drift",
    proxysql({ drift: [drift, { ...drift, table: "restapi_routes", layer: "runtime" }], driftForMs: 30_000 }),
    proxysql({ drift: [drift], driftForMs: 29_000 }),
    proxysql({ drift: [], driftForMs: 90_000 }),
  ],
  [
    "step-failed",
    host({ lastError: "ProxySQL did not serve.", lastErrorForMs: 5_000 }),
    host({ lastError: "ProxySQL did not serve.", lastErrorForMs: 4_000 }),
  ],
  ["disk-nearly-full /var/db", host({ disks: [disk] }), host({ disks: [{ ...disk, low: false }] })],
  [
    "devd-rule-missing",
    host({ devd: { broken: null, missing: ["9@em0 INIT"], shadowed: [] } }),
    host({ devd: { broken: null, missing: [], shadowed: [] } }),
  ],
  [
    "devd-rule-missing",
    host({ devd: { broken: "/etc/devd/x.conf:3: expected ;", missing: [], shadowed: [] } }),
  ],
  ["devd-rule-shadowed", host({ devd: { broken: null, missing: [], shadowed: [shadow] } })],
  ["devd-rule-shadowed", host({ devd: { broken: null, missing: [], shadowed: [{ ...shadow, tie: true }] } })],
  ["journal-not-writable", host({ journalWritable: false })],
  ["http-not-listening", host({ http: "EADDRINUSE." })],
  ["server-fenced db1:3306", fence({ fences: [fenced] }), fence({})],
  ["orchestrator-unreachable", fence({ silence: { ...silence, graceMs: null } }), fence({})],
  [
    "server-fenced db1:3306",
    fence({
      fences: [{ ...fenced, kind: "downtime", detail: "maintenance by dba, until 2026", successor: null }],
    }),
  ],
  [
    "server-fenced db1:3306",
    fence({ fences: [{ ...fenced, kind: "peer", detail: "fenced by b", successor: null }] }),
  ],
  [
    "fence-not-applied",
    fence({ problem: { sentence: "db1:3306 is ONLINE.", forMs: 3_000 } }),
    fence({ problem: { sentence: "db1:3306 is ONLINE.", forMs: 2_900 } }),
  ],
  ["server-unknown db1:3306", fence({ unknown: [{ server: "db1:3306", maybe: "db1.example.org:3306" }] })],
  ["server-unknown db1:3306", fence({ unknown: [{ server: "db1:3306", maybe: null }] })],
  ["orchestrator-unreachable", fence({ silence }), fence({ silence: { ...silence, forMs: 2_900 } })],
  ...(["fence", "alert", "demote"] as const).map(
    (action) => ["isolated", fence({ silence, isolation: { ...isolation, action } })] as const,
  ),
];

const named = cases.map(([key, facts, ...nearly]) => ({ key, facts, nearly }));

describe("findReasons", () => {
  it("finds nothing where all is well", () => {
    expect(findReasons(well)).toEqual([]);
  });

  it.each(named)("finds $key by its fact, and not before nor without it", ({ key, facts, nearly }) => {
    expect(findReasons(facts).map(keyOf)).toEqual([key]);
    for (const [index, almost] of nearly.entries())
      expect(findReasons(almost).map(keyOf), `almost ${index}`).toEqual([]);
  });

  it("finds every code that there is", () => {
    const found = new Set(cases.flatMap(([, facts]) => findReasons(facts).map(({ code }) => code)));
    expect([...found].sort()).toEqual((Object.keys(reasonKinds) as ReasonCode[]).sort());
  });

  it.each(named)("says of $key what it is and what to do, in whole sentences", ({ facts }) => {
    for (const { sentence, todo } of findReasons(facts)) {
      expect(sentence).toMatch(/^[A-Z0-9/].*[.!?]$|^[a-z][a-z0-9.:]* .*[.!?]$/s);
      expect(todo.length).toBeGreaterThan(10);
      expect(`${sentence} ${todo}`).not.toMatch(/undefined|null|NaN|\[object/);
    }
  });

  it("tells how to take back a foreign demotion, and leaves the kernel's own to the kernel", () => {
    const stuck = cares({ total: 481, share: 241 }, { foreignDemotion: 240, foreignForMs: 60_000 });
    expect(findReasons(stuck).find(({ code }) => code === "foreign-demotion")?.todo).toContain(
      "sysctl net.inet.carp.demotion=-240",
    );
    const linkDown = carp({
      foreignDemotion: 240,
      foreignForMs: 60_000,
      care: { ...care, total: 240 },
      vhids: [{ ...vhid, role: "INIT" }],
    });
    expect(findReasons(linkDown)[0]?.todo).not.toContain("sysctl");
  });

  it("takes the share of a maintenance that is on for granted", () => {
    const maintenance = { since: "2026", note: null, forcePromotion: false };
    const facts = cares({ share: 241, shareWhy: "maintenance" }, { ownForMs: 90_000, maintenance });
    expect(findReasons(facts).map(keyOf)).toEqual(["maintenance-on"]);
  });

  it("never tells to save the REST API's routes from runtime: ProxySQL would save the scheduler", () => {
    const routes = { ...drift, table: "restapi_routes", layer: "runtime" as const };
    const [reason] = findReasons(proxysql({ drift: [routes], driftForMs: 30_000 }));
    expect(reason?.todo).not.toContain("SAVE");
  });

  it("has no two reasons of one name", () => {
    const all = cases.map(([, facts]) => facts);
    fc.assert(
      fc.property(
        fc.constantFrom(...all),
        fc.constantFrom(...all),
        fc.constantFrom(...all),
        fc.constantFrom(...all),
        fc.constantFrom(...all),
        fc.constantFrom(...all),
        (one, two, three, four, five, six) => {
          const mixed: Facts = {
            ...well,
            fence: six.fence,
            carp: one.carp,
            proxysql: two.proxysql,
            snapshots: three.snapshots,
            peers: [...four.peers, { ...peer, name: "c" }],
            host: five.host,
          };
          const keys = findReasons(mixed).map(keyOf);
          expect(new Set(keys).size).toBe(keys.length);
        },
      ),
    );
  });
});
