import { describe, expect, it } from "vitest";
import { chooseTaker, type GivingNode, type TakingNode } from "./pair.js";
import { refusalsOf } from "./refusals.js";
import { pairNow, taking } from "./test-pair.js";

/** Codes; what `--force` overrides stands in brackets. */
function codes(node: Partial<GivingNode>, peer: Partial<TakingNode> = {}): string {
  return refusalsOf(pairNow(node, peer))
    .map(({ code, canForce }) => (canForce ? `(${code})` : code))
    .join(" ");
}

function reason(code: string, severity: "critical" | "warning"): GivingNode["reasons"][number] {
  return { code, severity, sentence: `${code} it is.`, todo: "Mend it." };
}

describe("a switchover", () => {
  it("is refused by nothing while both nodes are well", () => {
    expect(refusalsOf(pairNow())).toEqual([]);
  });

  const vrrp = { vhid: "9@em0", role: "MASTER", protocol: "vrrp" as const };
  it.each<[string, string, Partial<GivingNode>, Partial<TakingNode>]>([
    ["another one runs", "running", { busy: "It is being done." }, {}],
    ["this node is passive", "not-master", { role: "BACKUP" }, {}],
    ["the promotion is not through", "not-settled", { settled: false }, {}],
    ["this node is in maintenance", "maintenance", { maintenance: true }, {}],
    ["VRRP is spoken", "vrrp", { vhids: [vrrp] }, {}],
    ["the peer cannot be asked", "peer-unreachable", {}, { error: "It is off." }],
    ["only its sshd answers", "peer-agent-down", {}, { agent: false, role: "unknown", ready: null }],
    ["the peer is INIT", "peer-not-backup", {}, { role: "INIT" }],
    ["the peer is MASTER too", "peer-not-backup", {}, { role: "MASTER" }],
    ["the peer is in maintenance", "peer-maintenance", {}, { maintenance: true }],
  ])("is refused, force or not, when %s", (_, expected, node, peer) => {
    expect(codes(node, peer)).toBe(expected);
  });

  it.each<[string, string, Partial<GivingNode>, Partial<TakingNode>]>([
    ["something is critical here", "(proxysql-down)", { reasons: [reason("proxysql-down", "critical")] }, {}],
    ["what runs is not saved", "(drift)", { reasons: [reason("drift", "warning")] }, {}],
    [
      "the peer is not ready",
      "(peer-not-ready)",
      {},
      { ready: false, reasons: [reason("not-serving", "critical")] },
    ],
    ["the peer does not say", "(peer-not-ready)", {}, { ready: null }],
    [
      "something is critical there",
      "(peer-reasons)",
      {},
      { reasons: [reason("snapshot-too-old", "critical")] },
    ],
    [
      "somebody else demotes the peer",
      "(peer-demoted)",
      {},
      { demotion: { total: 240, share: 0, why: null } },
    ],
  ])("is refused unless forced when %s", (_, expected, node, peer) => {
    expect(codes(node, peer)).toBe(expected);
  });

  it("is not refused by a mere warning, or by the share that the peer carries since the last one", () => {
    const warned = { reasons: [reason("devd-rule-missing", "warning")] };
    expect(codes(warned, { demotion: { total: 241, share: 241, why: "switchover" } })).toBe("");
  });

  it("says the peer's reason once, though both nodes have it", () => {
    const here = { reasons: [reason("peer-not-ready", "critical")] };
    expect(codes(here, { ready: false })).toBe("(peer-not-ready)");
  });

  it("is refused without a peer, and with a name that is none", () => {
    expect(refusalsOf(pairNow({}, {}, { peers: [] })).map(({ code }) => code)).toEqual(["no-peer"]);
    expect(refusalsOf(pairNow({}, {}, { to: "z" }))[0]?.sentence).toBe("There is no peer z; there is b.");
  });
});

describe("who takes the role", () => {
  const c = { ...taking, name: "c", vhids: [{ vhid: "9@em0", advskew: 50, advbase: 1 }] };

  it("is the one that CARP would choose, if it is ready", () => {
    expect(chooseTaker({ peers: [taking, c], to: null })?.name).toBe("c");
    expect(chooseTaker({ peers: [taking, { ...c, ready: false }], to: null })?.name).toBe("b");
    expect(
      chooseTaker({
        peers: [
          { ...taking, ready: null },
          { ...c, error: "off" },
        ],
        to: null,
      })?.name,
    ).toBe("b");
  });

  it("is the one that is named", () => {
    expect(chooseTaker({ peers: [taking, c], to: "b" })?.name).toBe("b");
  });
});
