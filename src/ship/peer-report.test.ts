import { describe, expect, it } from "vitest";
import { readReport } from "./peer-report.js";

const least = { role: "MASTER", leads: 7, running: { epoch: 7, sequence: 2, node: "b" } };
const digest = "ab".repeat(32);
const whole = {
  ...least,
  vhids: [{ vhid: "9@em0", role: "MASTER", advskew: 100, advbase: 1 }],
  standby: "warm",
  proxysql: { up: true, serving: true, version: "2.7.1" },
  ready: true,
  reasons: ["drift", "no-verified-snapshot"],
  maintenance: false,
  preempt: null,
  demotion: { total: 241, share: 241 },
  definitions: digest,
  tls: null,
};

describe("a peer's report", () => {
  it("is read with all that this version knows", () => {
    expect(readReport(whole)).toEqual(whole);
  });

  it("of an older version has only what that one said", () => {
    const older = { ...least, vhids: [{ vhid: "9@em0", role: "MASTER" }] };
    expect(JSON.parse(JSON.stringify(readReport(older)))).toEqual(older);
  });

  it.each([
    null,
    "MASTER",
    {},
    { ...least, role: "KING" },
    { ...least, leads: "7" },
    { ...least, running: { epoch: 7, sequence: 2, node: "../b" } },
  ])("is none without role, epoch and lineage: %j", (report) => {
    expect(readReport(report)).toBeNull();
  });

  it.each([
    ["ready", "yes"],
    ["reasons", ["drift\u001b[2J"]],
    ["reasons", Array.from({ length: 257 }, () => "drift")],
    ["vhids", Array.from({ length: 257 }, () => ({ vhid: "9@em0", role: "MASTER" }))],
    ["vhids", [{ vhid: "x".repeat(201), role: "MASTER" }]],
    ["proxysql", { up: true, serving: true, version: "x".repeat(1_000_000) }],
    ["demotion", { total: 1.5, share: 0 }],
    ["definitions", "x".repeat(65)],
    ["tls", 7],
  ])("leaves out a %s that cannot be meant so, and keeps the role", (field, value) => {
    const report = readReport({ ...whole, [field]: value });
    expect(report).toEqual({ ...whole, [field]: undefined });
    expect(report?.role).toBe("MASTER");
  });

  it("carries nothing that is not known here", () => {
    expect(readReport({ ...least, ok: true, filler: "x".repeat(1_000) })).toEqual(readReport(least));
    expect(Object.keys(readReport({ ...least, ok: true }) ?? {})).not.toContain("ok");
  });
});
