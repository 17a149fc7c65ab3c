import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { describe, expect, it } from "vitest";
import { renderMetrics } from "../../../src/http/metrics.js";
import { someValues } from "../../../src/http/test-sources.js";

const rules = "share/prometheus/proxysql-carp.rules.yml";
const noPromtool =
  spawnSync("promtool", ["--version"]).error === undefined
    ? ""
    : " (skipped: promtool is missing: apt-get install prometheus)";

function promtool(...args: string[]): { status: number | null; output: string } {
  const { status, stdout, stderr } = spawnSync("promtool", args, { encoding: "utf8" });
  return { status, output: stdout + stderr };
}

interface Case {
  readonly alert: string;
  /** Series with their values each minute, in promtool's notation. */
  readonly series: Readonly<Record<string, string>>;
  /** When to look, and what is to be alerted on then; none: nothing. */
  readonly at: string;
  readonly labels?: Readonly<Record<string, string>>;
}

const a = 'job="proxysql-carp",instance="a:9632",pair="shop"';
const b = 'job="proxysql-carp",instance="b:9632",pair="shop"';
const onA = { job: "proxysql-carp", instance: "a:9632", pair: "shop" };
const ofPair = { job: "proxysql-carp", pair: "shop" };
const critical = { severity: "critical" };
const warning = { severity: "warning" };

function roles(ofA: string, ofB: string): Record<string, string> {
  return {
    [`proxysql_carp_role{${a},vhid="9@em0",role="MASTER"}`]: ofA,
    [`proxysql_carp_role{${b},vhid="9@em0",role="MASTER"}`]: ofB,
  };
}

const cases: readonly Case[] = [
  { alert: "AgentDown", series: { [`up{${a}}`]: "1 0x10" }, at: "5m", labels: { ...onA, ...critical } },
  { alert: "AgentDown", series: { [`up{${a}}`]: "1x10" }, at: "5m" },
  { alert: "NoMaster", series: roles("1 0x10", "0x10"), at: "5m", labels: { ...ofPair, ...critical } },
  { alert: "NoMaster", series: roles("1 0x10", "0 1x10"), at: "5m" },
  {
    alert: "TwoMasters",
    series: roles("1x10", "0 1x10"),
    at: "5m",
    labels: { ...ofPair, vhid: "9@em0", ...critical },
  },
  { alert: "TwoMasters", series: roles("1x10", "0x10"), at: "5m" },
  {
    alert: "MasterNotServing",
    series: { ...roles("1x10", "0x10"), [`proxysql_carp_proxysql_serving{${a}}`]: "1 0x10" },
    at: "5m",
    labels: { ...onA, ...critical },
  },
  {
    alert: "MasterNotServing",
    series: { ...roles("1x10", "0x10"), [`proxysql_carp_proxysql_serving{${b}}`]: "0x10" },
    at: "5m",
  },
  {
    alert: "NotReady",
    series: { [`proxysql_carp_ready{${a}}`]: "0x10" },
    at: "5m",
    labels: { ...onA, ...critical },
  },
  { alert: "NotReady", series: { [`proxysql_carp_ready{${a}}`]: "0 1x10" }, at: "5m" },
  {
    alert: "Reason",
    series: { [`proxysql_carp_reason{${a},code="drift",group="proxysql",severity="warning"}`]: "1x30" },
    at: "20m",
    labels: { ...onA, code: "drift", group: "proxysql", ...warning },
  },
  {
    alert: "PeerDown",
    series: { [`proxysql_carp_peer_up{${a},peer="b"}`]: "1 0x10" },
    at: "5m",
    labels: { ...onA, peer: "b", ...critical },
  },
  {
    alert: "PeerBehind",
    series: { [`proxysql_carp_peer_lag_seconds{${a},peer="b"}`]: "0+60x10" },
    at: "6m",
    labels: { ...onA, peer: "b", ...critical },
  },
  { alert: "PeerBehind", series: { [`proxysql_carp_peer_lag_seconds{${a},peer="b"}`]: "0+60x10" }, at: "5m" },
  {
    alert: "DrillFailed",
    series: { [`proxysql_carp_drill_success{${a}}`]: "0x10" },
    at: "1m",
    labels: { ...onA, ...critical },
  },
  {
    alert: "DrillTooOld",
    series: { ...roles("0x200", "1x200"), [`proxysql_carp_drill_timestamp_seconds{${a}}`]: "-700000x200" },
    at: "2h",
    labels: { ...onA, ...warning },
  },
  {
    alert: "DrillTooOld",
    series: { ...roles("1x200", "0x200"), [`proxysql_carp_drill_timestamp_seconds{${a}}`]: "-700000x200" },
    at: "2h",
  },
  {
    alert: "Flapping",
    series: { [`proxysql_carp_transitions_total{${a},role="MASTER"}`]: "0+1x60" },
    at: "30m",
    labels: { ...onA, role: "MASTER", ...warning },
  },
  {
    alert: "StepsFail",
    series: { [`proxysql_carp_steps_failed_total{${a}}`]: "0+1x60" },
    at: "30m",
    labels: { ...onA, ...warning },
  },
  {
    alert: "AlertsNotDelivered",
    series: { [`proxysql_carp_alerts_total{${a},outcome="failed"}`]: "0 1x60" },
    at: "5m",
    labels: { ...onA, outcome: "failed", ...warning },
  },
  {
    alert: "AlertsNotDelivered",
    series: { [`proxysql_carp_alerts_total{${a},outcome="delivered"}`]: "0+1x60" },
    at: "5m",
  },
  {
    alert: "MaintenanceForgotten",
    series: { [`proxysql_carp_maintenance{${a}}`]: "1x300" },
    at: "5h",
    labels: { ...onA, ...warning },
  },
];

/** promtool's rule tests compare annotations too, so they are taken from what it would say: only labels are asked here. */
function check({ alert, series, at, labels }: Case): boolean {
  const dir = mkdtempSync(join(tmpdir(), "rules-"));
  try {
    const test = {
      rule_files: [resolve(rules)],
      evaluation_interval: "15s",
      tests: [
        {
          interval: "1m",
          input_series: Object.entries(series).map(([name, values]) => ({ series: name, values })),
          promql_expr_test: [
            {
              expr: `count by (${Object.keys(labels ?? {}).join(", ")}) (ALERTS{alertname="ProxysqlCarp${alert}", alertstate="firing"})`,
              eval_time: at,
              exp_samples: labels === undefined ? [] : [{ labels: labelText(labels), value: 1 }],
            },
          ],
        },
      ],
    };
    const file = join(dir, "test.yml");
    // Every JSON text is YAML too.
    writeFileSync(file, JSON.stringify(test));
    const { status, output } = promtool("test", "rules", file);
    expect(output).toMatch(/SUCCESS/);
    return status === 0;
  } finally {
    rmSync(dir, { recursive: true });
  }
}

function labelText(labels: Readonly<Record<string, string>>): string {
  return `{${Object.entries(labels)
    .map(([name, value]) => `${name}="${value}"`)
    .join(",")}}`;
}

describe.skipIf(noPromtool !== "")(`alert rules${noPromtool}`, () => {
  it("are correct", () => {
    const { status, output } = promtool("check", "rules", rules);
    expect({ status, output }).toMatchObject({ status: 0, output: expect.stringContaining("SUCCESS") });
  });

  it.each(cases.map((one) => ({ ...one, fires: one.labels === undefined ? "stays quiet" : "fires" })))(
    "$alert $fires",
    (one) => expect(check(one)).toBe(true),
  );
});

it("alert on metrics that there are, each of them tried", async () => {
  const text = readFileSync(rules, "utf8");
  const { text: metrics } = await renderMetrics(someValues);
  for (const name of new Set(text.match(/proxysql_carp_\w+/g))) expect(metrics).toContain(`# TYPE ${name} `);
  const alerts = [...text.matchAll(/- alert: ProxysqlCarp(\w+)/g)].map((match) => match[1]);
  expect([...new Set(cases.filter(({ labels }) => labels).map(({ alert }) => alert))]).toEqual(alerts);
});
