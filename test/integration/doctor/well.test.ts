import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type DoctorPair, doctor, examine, patienceMs, probesAt, startDoctorPair } from "./harness.js";

const names = [
  "configuration",
  "files",
  "carp-vhids",
  "carp-settings",
  "carp-allowed",
  "devd",
  "devd-rules",
  "hook",
  "rc-script",
  "agent",
  "agent-version",
  "agent-configuration",
  "agent-reasons",
  "hook-arrival",
  "journal",
  "disks",
  "newest-snapshot",
  "proxysql-service",
  "proxysql-admin",
  "proxysql-version",
  "proxysql-clients",
  "proxysql-database",
  "peer-name",
  "peer-port",
  "peer-host-key",
  "peer-login",
  "peer-command",
  "peer-clock",
  "peer-version",
  "peer-agent",
  "peer-carp",
  "round-trip",
];

describe.each(["warm", "cold"] as const)("a pair in %s standby on which all is well", (standby) => {
  let well: DoctorPair;
  beforeAll(async () => {
    well = await startDoctorPair(standby);
  }, patienceMs);
  afterAll(() => well?.end(), patienceMs);

  it("is well link by link on both nodes, and nothing is left of the probes", async () => {
    for (const [node, peer] of [
      [well.a, well.b],
      [well.b, well.a],
    ] as const) {
      const { code, document, line } = await examine(node);

      expect(document.checks.map(({ check }) => check)).toEqual(names);
      // What runs only where the address is.
      const idle = standby === "cold" && node === well.b ? ["proxysql-version"] : [];
      const unwell = document.checks.filter(({ check, state }) => state !== "ok" && !idle.includes(check));
      expect(unwell).toEqual([]);
      expect(code).toBe(0);
      expect(document).toMatchObject({
        schema: "proxysql-carp/doctor/v1",
        node: node.name,
        ok: true,
        counts: { ok: names.length - idle.length, warning: 0, failing: 0, "not-checked": idle.length },
      });
      expect(line("round-trip")).toMatchObject({ about: peer.name, todo: null });
      expect(line("round-trip").sentence).toMatch(/^\d+\.\d KiB there .+, verified .+, back /);
      expect(probesAt(peer)).toEqual([]);
    }
  });

  it("is told in 80 columns, a line for each link and a sum", async () => {
    const { code, stdout, stderr } = await doctor(well.a);

    expect(stderr).toBe("");
    expect(code).toBe(0);
    const lines = stdout.trimEnd().split("\n");
    expect(Math.max(...lines.map((line) => line.length))).toBeLessThanOrEqual(80);
    expect(lines.filter((line) => line.startsWith("ok "))).toHaveLength(names.length);
    expect(lines.at(-1)).toBe(`${names.length} ok`);
    expect(stdout).not.toContain("\u001b");
  });
});
