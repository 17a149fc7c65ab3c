import { spawnSync } from "node:child_process";
import { describe, expect, it } from "vitest";
import { reasonKinds } from "../health/reason.js";
import type { MetricValues } from "./metric-values.js";
import { renderMetrics } from "./metrics.js";
import { someValues } from "./test-sources.js";

const noPromtool =
  spawnSync("promtool", ["--version"]).error === undefined
    ? ""
    : " (skipped: promtool is missing: apt-get install prometheus)";

const unknown: MetricValues = {
  ...someValues,
  leads: null,
  snapshots: { taken: null, received: null, installed: null },
  peers: [{ name: "b", linkUp: false, agentUp: false, shippedAt: null, lagSeconds: null }],
  demotion: { total: null, share: 0 },
  drill: null,
  quarantined: null,
  alerts: null,
};

async function textOf(values: MetricValues): Promise<string> {
  return (await renderMetrics(values)).text;
}

/** The values of one metric by its labels: `proxysql_carp_role{vhid="9@em0",role="MASTER"}`. */
async function series(values: MetricValues): Promise<Map<string, number>> {
  const lines = (await textOf(values)).split("\n").filter((line) => line !== "" && !line.startsWith("#"));
  return new Map(lines.map((line) => [line.slice(0, line.lastIndexOf(" ")), Number(line.split(" ").at(-1))]));
}

describe.skipIf(noPromtool !== "")(`promtool check metrics${noPromtool}`, () => {
  it.each([
    ["a node in order", someValues],
    ["a node of which nothing is known", unknown],
  ])("finds nothing in the metrics of %s", async (_, values) => {
    const { status, stdout, stderr } = spawnSync("promtool", ["check", "metrics"], {
      input: await textOf(values),
      encoding: "utf8",
    });
    expect({ status, output: stdout + stderr }).toEqual({ status: 0, output: "" });
  });
});

describe("metrics", () => {
  it("has one role of each vhid", async () => {
    const found = await series(someValues);
    expect(found.get('proxysql_carp_role{vhid="9@em0",role="MASTER"}')).toBe(1);
    expect(found.get('proxysql_carp_role{vhid="9@em0",role="BACKUP"}')).toBe(0);
    expect(found.get('proxysql_carp_role{vhid="10@em1",role="BACKUP"}')).toBe(1);
    expect([...found.keys()].filter((name) => name.startsWith("proxysql_carp_role{"))).toHaveLength(8);
  });

  it("has every reason, and is ready unless one is critical", async () => {
    const critical = { code: "proxysql-down", severity: "critical" } as const;
    const warning = { code: "drift", severity: "warning" } as const;
    const down = 'proxysql_carp_reason{code="proxysql-down",group="proxysql",severity="critical"}';
    const none = await series(someValues);
    const warned = await series({ ...someValues, reasons: [warning, warning] });
    const both = await series({ ...someValues, reasons: [warning, critical] });

    const codes = [...none.keys()].filter((name) => name.startsWith("proxysql_carp_reason{"));
    expect(codes).toHaveLength(Object.keys(reasonKinds).length);
    expect([none.get("proxysql_carp_ready"), none.get(down)]).toEqual([1, 0]);
    expect([
      warned.get("proxysql_carp_ready"),
      warned.get('proxysql_carp_reasons{severity="warning"}'),
    ]).toEqual([1, 2]);
    expect([both.get("proxysql_carp_ready"), both.get(down)]).toEqual([0, 1]);
  });

  it("leaves out what is not known instead of telling 0", async () => {
    const names = [...(await series(unknown)).keys()].join("\n");
    for (const name of [
      "snapshot_age",
      "last_taken",
      "last_shipped",
      "peer_lag",
      "demotion$",
      "drill",
      "alerts",
    ])
      expect(names).not.toMatch(new RegExp(`^proxysql_carp_${name}`, "m"));
    expect(names).toContain('proxysql_carp_peer_up{peer="b"}');
  });

  it("tells the age of the newest snapshot, from wherever it came", async () => {
    const now = Date.now() / 1_000;
    const snapshots = { taken: now - 500, received: now - 60, installed: null };
    const age = (await series({ ...someValues, snapshots })).get("proxysql_carp_snapshot_age_seconds");
    expect(age).toBeGreaterThanOrEqual(60);
    expect(age).toBeLessThan(90);
  });

  it("keeps nothing of the answer before", async () => {
    await textOf({ ...someValues, peers: [{ ...someValues.peers[0], name: "gone" } as never] });
    expect(await textOf(someValues)).not.toContain("gone");
  });
});
