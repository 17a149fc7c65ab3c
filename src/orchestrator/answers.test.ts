import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { readHealthy, readInstance, readRaftStatus, readRecovery } from "./answers.js";

function fixture<T>(name: string): T {
  const url = new URL(`../../test/fixtures/orchestrator/${name}.json`, import.meta.url);
  return JSON.parse(readFileSync(url, "utf8")) as T;
}

type Row = Record<string, unknown>;
const [dead = {}, , replica = {}] = fixture<Row[]>("dead-master-all-instances");
const [recovery = {}] = fixture<Row[]>("dead-master-audit-recovery");

describe("what Orchestrator 3.2.6 wrote", () => {
  test("a downtimed master", () => {
    expect(readInstance(dead)).toEqual({
      key: { host: "127.0.0.1", port: 23301 },
      cluster: "127.0.0.1:23301",
      alias: "lab",
      readOnly: false,
      master: null,
      coMaster: false,
      depth: 0,
      replicating: false,
      checkValid: false,
      secondsSinceSeen: 3,
      downtimed: true,
      downtimeReason: "lost-in-recovery",
      downtimeOwner: "orc1",
      downtimeEnds: "2027-11-21 01:58:30",
    });
  });

  test("a replica", () => {
    expect(readInstance(replica)).toMatchObject({
      master: { host: "127.0.0.1", port: 23302 },
      readOnly: true,
      replicating: true,
      depth: 1,
      downtimed: false,
    });
    expect(readInstance({ ...replica, ReplicationIOThreadRuning: false }).replicating).toBe(false);
    expect(
      readInstance({ ...replica, SecondsSinceLastSeen: { Int64: 0, Valid: false } }).secondsSinceSeen,
    ).toBeNull();
  });

  test("a recovery", () => {
    expect(readRecovery(recovery)).toEqual({
      uid: "1795226311063543533:dadd4c174850b628bb51e9b81b82e5e0335cb29a7884bd9b79039e5b30c6007c",
      failed: { host: "127.0.0.1", port: 23301 },
      successor: { host: "127.0.0.1", port: 23302 },
      successful: true,
      active: true,
      analysis: "DeadMaster",
      cluster: "127.0.0.1:23301",
      alias: "lab",
      startedAt: "2026-11-21T01:58:31.000Z",
    });
    const none = {
      ...recovery,
      SuccessorKey: { Hostname: "", Port: 0 },
      RecoveryStartTimestamp: "2026-11-21 01:58:31",
    };
    expect(readRecovery(none)).toMatchObject({ successor: null, startedAt: "2026-11-21T01:58:31.000Z" });
    expect(readRecovery({ ...recovery, SuccessorKey: null }).successor).toBeNull();
  });
});

describe("what is refused", () => {
  test.each([
    ["", 3306],
    ["db1", 0],
    ["db1", -1],
    ["db1", 65_536],
    ["db1", 3306.5],
    ["db 1", 3306],
    ["db1\n", 3306],
    ["db\u001b[2J", 3306],
    ["db\u202e1", 3306],
    ["db\ufffd", 3306],
    ["d".repeat(300), 3306],
    [null, 3306],
    ["db1", "3306"],
  ])("a server %j:%j", (Hostname, Port) => {
    expect(() => readInstance({ ...dead, Key: { Hostname, Port } })).toThrow(/Key/);
    const entry = { ...(recovery.AnalysisEntry as Row), AnalyzedInstanceKey: { Hostname, Port } };
    expect(() => readRecovery({ ...recovery, AnalysisEntry: entry })).toThrow(/AnalyzedInstanceKey/);
  });

  test("a master or successor that is half a key, a time that is none, and what is no row", () => {
    expect(() => readInstance({ ...replica, MasterKey: { Hostname: "db\n", Port: 3306 } })).toThrow(
      /MasterKey/,
    );
    expect(() => readRecovery({ ...recovery, SuccessorKey: { Hostname: "db", Port: 70_000 } })).toThrow(
      /SuccessorKey/,
    );
    expect(() => readRecovery({ ...recovery, RecoveryStartTimestamp: "yesterday" })).toThrow(
      /RecoveryStartTimestamp/,
    );
    expect(() => readRecovery({ ...recovery, RecoveryStartTimestamp: "2026-13-41 01:58:31" })).toThrow();
    for (const row of [null, 1, "db1", [], {}]) expect(() => readInstance(row)).toThrow();
  });

  test("every field that is used must be there", () => {
    for (const field of [
      "IsDowntimed",
      "DowntimeReason",
      "ReadOnly",
      "IsLastCheckValid",
      "ReplicationDepth",
    ]) {
      expect(() => readInstance({ ...dead, [field]: undefined })).toThrow(new RegExp(field));
    }
    expect(() => readRaftStatus({ State: "Leader", Leader: "a", LeaderURI: "" })).toThrow(/IsPartOfQuorum/);
  });

  test("health that is not plainly well", () => {
    expect(readHealthy(fixture("healthy-health"))).toBe(true);
    expect(readHealthy({ Code: "OK", Details: { Healthy: false } })).toBe(false);
    expect(() => readHealthy({ Code: "ERROR", Details: { Healthy: true } })).toThrow();
  });
});
