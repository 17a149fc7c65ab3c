import { describe, expect, it } from "vitest";
import { emptyLatch, type Latch } from "./latch.js";
import { adopted, pardonedBy, rebased } from "./latch-changes.js";
import type { ServerRow } from "./rows.js";

const a = { host: "a", port: 3306 };
const now = "2026-01-01T00:00:10.000Z";
const fenced: Latch = {
  ...emptyLatch,
  fences: [{ server: a, cause: { kind: "downtime", detail: "", successor: null }, since: now }],
};

describe("pardonedBy", () => {
  it("pardons once, however often it is told while the fence cannot come off yet", () => {
    const once = pardonedBy(fenced, [a], Date.parse(now));
    expect(once.pardoned).toEqual([a]);
    expect(pardonedBy(once, [a], Date.parse(now) + 5_000)).toBe(once);
  });

  it("does not pardon a fence that is newer than what was said, nor one that is not there", () => {
    expect(pardonedBy(fenced, [a], Date.parse(now) - 1)).toBe(fenced);
    expect(pardonedBy(emptyLatch, [a], Date.parse(now))).toBe(emptyLatch);
  });
});

describe("adopted", () => {
  const told = { of: "b", servers: [a], isWell: () => false, now };

  it("takes over what the peer fences, and lets it go when the peer does", () => {
    const holding = adopted(emptyLatch, told);
    expect(holding.fences).toMatchObject([{ server: a, cause: { kind: "peer" }, since: now }]);
    expect(adopted(holding, told)).toBe(holding);
    expect(adopted(holding, { ...told, servers: [] }).fences).toEqual([]);
    expect(adopted(holding, { ...told, of: "c", servers: [] })).toBe(holding);
  });

  it("knows better of what was released here or is well", () => {
    expect(adopted({ ...emptyLatch, pardoned: [a] }, told).fences).toEqual([]);
    expect(adopted(emptyLatch, { ...told, isWell: () => true }).fences).toEqual([]);
  });
});

describe("rebased", () => {
  const row = (status: ServerRow["status"]): ServerRow => ({ ...a, hostgroup: 10, status });

  it("has the new meaning of a row, unless that is this host's own", () => {
    const latch = { ...fenced, rows: [row("ONLINE")] };
    expect(rebased(latch, [row("OFFLINE_SOFT")], false).rows).toEqual([row("OFFLINE_SOFT")]);
    expect(rebased(latch, [row("OFFLINE_SOFT")], true)).toBe(latch);
  });
});
