import { describe, expect, it } from "vitest";
import type { CarpView } from "../carp/observe.js";
import { judgeAllowed, judgeBoth, judgeSettings, judgeVhids } from "./carp.js";
import { told } from "./test-told.js";

describe("CARP", () => {
  const vhid = { vhid: "9@em0", role: "MASTER", protocol: "carp", advbase: 1, advskew: 0 } as const;
  const view = (...changed: object[]): CarpView => ({
    role: "MASTER",
    holdsAddress: true,
    vhids: changed.map((one) => ({ ...vhid, ...one })),
  });
  const sysctls = { demotion: 0, preempt: true, allow: true };

  it.each([
    [view({}), true, /^ok: 9@em0 MASTER$/],
    [view({}, { vhid: "10@em0", role: "unknown" }), true, /^failing: .*does not tell of 10@em0/],
    [view({ role: "INIT" }), true, /^failing: 9@em0 is INIT.* \| Bring its link up/],
    [view({ role: "INIT" }), false, /^not-checked: 9@em0 is INIT while net\.inet\.carp\.allow is 0$/],
  ])("vhids %#", (seen, allow, expected) => {
    expect(told(judgeVhids(seen, allow))).toMatch(expected);
  });

  it.each([
    [{}, {}, /^ok: advbase\/advskew: 9@em0 1\/0; preempt 1$/],
    [{ advskew: 245 }, {}, /^warning: .*at most 240/],
    [{ protocol: "vrrp" }, {}, /^warning: .*VRRP/],
    [{}, { preempt: false }, /^warning: net\.inet\.carp\.preempt is 0 on a/],
  ])("settings %#", (changed, more, expected) => {
    expect(told(judgeSettings("a", view(changed), { ...sysctls, ...more }))).toMatch(expected);
  });

  it.each([
    [{}, /^ok/],
    [{ allow: false }, /^failing: .*allow is 0.* \| `sysctl net\.inet\.carp\.allow=1`/],
    [{ demotion: 240 }, /^warning: .*the other node is preferred/],
    [{ demotion: -240 }, /^warning: .*this node is preferred/],
  ])("allowed %#", (more, expected) => {
    expect(told(judgeAllowed({ ...sysctls, ...more }))).toMatch(expected);
  });

  const own = { node: "a", vhids: [{ ...vhid }], preempt: true, peers: [] };
  const theirs = { vhid: "9@em1", advbase: 1, advskew: 100 };
  it.each([
    [{}, {}, true, /^ok: there: 9@em1 1\/100; preempt 1$/],
    [{}, { advskew: 0 }, true, /^warning: 9@em0 has advbase 1 and advskew 0 on a and on b/],
    [{}, {}, false, /^warning: net\.inet\.carp\.preempt is 0 on b/],
    [{}, {}, null, /^ok: .*preempt not told$/],
    // What is wrong here alone is told by the line about this node.
    [{ preempt: false }, {}, true, /^ok/],
    [{ preempt: false }, {}, false, /^warning: .* on a and b/],
  ])("both %#", (ours, changed, preempt, expected) => {
    const peer = { name: "b", vhids: [{ ...theirs, ...changed }], preempt };
    expect(told(judgeBoth({ ...own, ...ours }, peer))).toMatch(expected);
  });
});
