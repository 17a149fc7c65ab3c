import { describe, expect, it } from "vitest";
import {
  judgeClock,
  judgeCommand,
  judgeHostKey,
  judgeLogin,
  judgeName,
  judgePeerAgent,
  judgePeerVersion,
} from "./peer.js";
import { judgeRoundTrip } from "./round-trip.js";
import { known, told } from "./test-told.js";

describe("the peer", () => {
  const peer = {
    name: "b",
    host: "b.example",
    port: 22,
    user: "link",
    keyFile: "/k",
    hostKey: "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8g",
  };
  const refusedKey = known("peer-login", { fingerprint: "SHA256:x" });

  it("has a name", () => {
    expect(told(judgeName("b.example", ["192.0.2.1", "2001:db8::1"]))).toBe(
      "ok: b.example is 192.0.2.1, 2001:db8::1",
    );
    expect(told(judgeName("192.0.2.1", ["192.0.2.1"]))).toBe("ok: 192.0.2.1 is an address");
  });

  it.each([
    [undefined, "ok", "ok"],
    [refusedKey, "ok", "failing"],
    [known("peer-login"), "not-checked", "failing"],
    [known("peer-host-key"), "failing", "not-checked"],
    [known("peer-unreachable"), "failing", "not-checked"],
  ])("shows its key and takes ours %#", (error, hostKey, login) => {
    expect([judgeHostKey(peer, error).state, judgeLogin(peer, error).state]).toEqual([hostKey, login]);
  });

  it("answers as itself", () => {
    expect(told(judgeCommand(peer, { node: "b", version: "1" }))).toBe("ok: serve answers as node b");
    expect(told(judgeCommand(peer, { error: known("peer-protocol") }))).toMatch(
      /^failing: .*authorized_keys/,
    );
  });

  it.each([
    [1_900, 2, "ok: +1900 ms, round trip 2 ms"],
    [-20, 2, "ok: -20 ms, round trip 2 ms"],
    // Good to half a round trip only.
    [2_100, 400, "ok: +2100 ms, round trip 400 ms"],
  ])("has our clock %#", (skewMs, roundTripMs, expected) => {
    expect(told(judgeClock(peer, { skewMs, roundTripMs }))).toBe(expected);
  });

  it("that has another clock is a warning", () => {
    expect(told(judgeClock(peer, { skewMs: -3_000, roundTripMs: 2 }))).toMatch(
      /^warning: The clock of b is 3\.0 s behind/,
    );
  });

  it("runs our release", () => {
    expect(judgePeerVersion(peer, "a", { ours: "1.2.3", theirs: "1.2.9" }).state).toBe("ok");
    expect(told(judgePeerVersion(peer, "a", { ours: "1.2.3", theirs: "1.1.9" }))).toMatch(
      /^warning: .*1\.2\.3 here, 1\.1\.9 there/,
    );
  });

  const status = { node: "b", version: "1", agent: "up", latest: null, freeBytes: 1, now: 1 } as const;
  const report = { role: "BACKUP", leads: null, running: null };
  it.each([
    [{ ...status, report: { ...report, ready: true } }, /^ok: answers, role BACKUP$/],
    [{ ...status, report: { ...report, ready: false, reasons: ["drift"] } }, /^warning: .*: drift\./],
    [{ ...status, report: { ...report, role: "MASTER", ready: false } }, /^ok/],
    [{ ...status, report: { ...report, maintenance: true } }, /^warning: b is in maintenance/],
    [{ ...status, report: { role: "KING" } }, /^warning/],
    [{ ...status, agent: "down" as const, report: null }, /^failing: On b sshd answers but no agent/],
  ])("has an agent %#", (seen, expected) => {
    expect(told(judgePeerAgent(peer, seen))).toMatch(expected);
  });

  it("keeps what is sent to it", () => {
    const times = { bytes: 2_048, thereMs: 5, verifyMs: 1_200, backMs: 6 };
    expect(told(judgeRoundTrip("b", times))).toBe("ok: 2.0 KiB there 5 ms, verified 1.2 s, back 6 ms");
    const refused = (cause: string): string =>
      told(judgeRoundTrip("b", { error: known("peer-refused", { cause }) }));
    expect(refused("not-asked-so")).toMatch(/^warning: .*knows no probe/);
    expect(refused("busy")).toMatch(/^warning: .*another probe/);
    expect(refused("disk-full")).toMatch(/^failing: .*df -h/);
    expect(refused("failed")).toMatch(/^failing: .*directory probe/);
    expect(refused("digest-differs")).toMatch(/^failing: .*does not come back whole/);
    expect(judgeRoundTrip("b", { error: known("peer-unreachable") })).toMatchObject({
      state: "failing",
      unreachable: true,
    });
  });
});
