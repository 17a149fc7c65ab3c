import { describe, expect, it } from "vitest";
import { judgeAgent, judgeAgentConfiguration, judgeAgentVersion, judgeReasons } from "./agent.js";
import { told } from "./test-told.js";

describe("the agent", () => {
  const status = { version: "1.2.3", node: "a", role: "BACKUP" } as const;
  it("is judged by what it says of itself", () => {
    expect(told(judgeAgent(status))).toBe("ok: answers as node a, role BACKUP");
    expect(told(judgeAgent({ ...status, alive: { ok: false, why: "It hangs." } }))).toMatch(
      /^failing: It hangs\./,
    );
    expect(judgeAgentVersion(status, "1.2.3").state).toBe("ok");
    expect(told(judgeAgentVersion(status, "1.2.4"))).toMatch(/^warning: .*1\.2\.3, this program 1\.2\.4/);
    expect(judgeAgentConfiguration(status, "x").state).toBe("not-checked");
    expect(judgeAgentConfiguration({ ...status, configuration: "x" }, "x").state).toBe("ok");
    expect(told(judgeAgentConfiguration({ ...status, configuration: "y" }, "x"))).toMatch(
      /^warning: .*reload/,
    );
    expect(judgeReasons({ ...status, reasons: [] }).state).toBe("ok");
    const reasons = ["drift", "drift", "own-demotion"].map((code) => ({ code, sentence: "" }));
    expect(told(judgeReasons({ ...status, reasons }))).toMatch(/^warning: .*: drift, own-demotion\./);
  });
});
