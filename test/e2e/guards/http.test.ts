import { spawnSync } from "node:child_process";
import { beforeAll, describe, expect, it } from "vitest";
import { waitForReason } from "../../support/host/guards.js";
import { cli, type Host, killHost, runOnce } from "../../support/host/host.js";
import { hostOf, shopDatabase, startAll } from "../../support/host/netns.js";
import { patience, statusOf, waitUntilLeading, waitUntilStandingBy } from "../../support/host/pair.js";
import { hostPath } from "../../support/host/requirements.js";
import { describeHosts } from "../../support/host/suite.js";
import { waitFor } from "../../support/host/wait.js";

const shop = "db1.example db2.example db3.example";
const missing = isInstalled("curl") ? "" : " (skipped: curl missing: apt-get install curl)";
const noPromtool = isInstalled("promtool") ? "" : " (skipped: promtool missing: apt-get install prometheus)";

function isInstalled(program: string): boolean {
  return spawnSync("/bin/sh", ["-c", `command -v ${program}`], { env: { PATH: hostPath } }).status === 0;
}

function curl(host: Host, path: string, port = 9632): { status: number; type: string; body: string } {
  const format = "\n%{http_code} %{content_type}";
  const { stdout, stderr } = runOnce(host, [
    "curl",
    "-sS",
    "-m",
    "10",
    "-w",
    format,
    `http://127.0.0.1:${port}${path}`,
  ]);
  const [, body = "", code = "", type = ""] = /^([\s\S]*)\n(\d{3}) ?(.*)$/.exec(stdout) ?? [];
  if (code === "" || code === "000") {
    throw new Error(`curl ${path}: ${stderr}`);
  }
  return { status: Number(code), type, body };
}

describe.skipIf(missing !== "")(`over HTTP${missing}`, () => {
  describeHosts("a pair", (makeLab) => {
    let a: Host;
    let b: Host;

    beforeAll(async () => {
      const more = { http: 'listen = "127.0.0.1:9632"' };
      const lab = makeLab({ standby: "warm", databases: [shopDatabase], more });
      a = hostOf(lab, "a");
      b = hostOf(lab, "b");
      await startAll(lab);
      await waitUntilLeading(a, shop);
      await waitUntilStandingBy(b, a, shop);
    });

    it("tells the role: 200 on the MASTER, 503 on the other", () => {
      expect(curl(a, "/role").status).toBe(200);
      expect(curl(b, "/role").status).toBe(503);
      expect(curl(a, "/role").body).toContain("MASTER");
      expect(curl(b, "/role").body).toContain("BACKUP");
    });

    it("tells that it lives, and that it is ready", async () => {
      for (const host of [a, b]) {
        expect(curl(host, "/healthz").status).toBe(200);
        await waitFor(
          `${host.name} is ready`,
          () => {
            const { status, body } = curl(host, "/readyz");
            if (status !== 200) throw new Error(body);
            return true;
          },
          patience,
          500,
        );
      }
    });

    it("gives the same status as the command", () => {
      const { status, type, body } = curl(a, "/api/v1/status");
      expect([status, type.split(";")[0]]).toEqual([200, "application/json"]);
      const document = JSON.parse(body) as Record<string, unknown>;
      const { stdout } = cli(a, ["status", "--json"]);
      expect(Object.keys(document).sort()).toEqual(Object.keys(JSON.parse(stdout) as object).sort());
      expect(document).toMatchObject({
        schema: "proxysql-carp/status/v1",
        role: "MASTER",
        leads: statusOf(a).leads,
      });
    });

    it("gives the history", () => {
      const { status, body } = curl(a, "/api/v1/history");
      expect(status).toBe(200);
      expect((JSON.parse(body) as { schema: string }).schema).toBe("proxysql-carp/history/v1");
      expect(body).toContain("MASTER");
    });

    it("gives metrics", () => {
      const { status, type, body } = curl(a, "/metrics");
      expect([status, type.split(";")[0]]).toEqual([200, "text/plain"]);
      expect(body).toMatch(/^# TYPE proxysql_carp_\w+ (gauge|counter)$/m);
    });

    it.skipIf(noPromtool !== "")(`gives metrics that promtool likes${noPromtool}`, () => {
      const { body } = curl(a, "/metrics");
      const checked = spawnSync("promtool", ["check", "metrics"], { input: body, encoding: "utf8" });
      expect(checked.stdout + checked.stderr).toBe("");
      expect(checked.status).toBe(0);
    });

    it("answers 404 to what is not there, and listens on loopback alone", () => {
      expect(curl(a, "/nothing").status).toBe(404);
      const from = runOnce(b, ["curl", "-sS", "-m", "3", `http://${a.port.address}:9632/role`]);
      expect(from.status).not.toBe(0);
    });

    it("says what is wrong when the peer is gone, and follows the role", async () => {
      killHost(a);
      await waitUntilLeading(b, shop);
      expect(curl(b, "/role").status).toBe(200);
      await waitForReason(b, "peer-unreachable");
      const { status, body } = curl(b, "/readyz");
      expect(status).toBe(503);
      expect(body).toContain("peer-unreachable");
      expect(curl(b, "/healthz").status).toBe(200);
    });
  });
});
