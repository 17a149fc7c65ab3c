import { describe, expect, it } from "vitest";
import {
  judgeAgent,
  judgeAgentConfiguration,
  judgeAgentVersion,
  judgeReasons,
  judgeSilence,
} from "./agent.js";
import { known, told } from "./test-told.js";

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

  it("that does not answer is told with what to do", () => {
    expect(told(judgeSilence(known("agent-unreachable")))).toMatch(/^failing: .*service proxysql_carp start/);
    expect(judgeSilence(known("agent-unreachable")).unreachable).toBe(true);
    expect(told(judgeSilence(known("agent-unreachable", { systemCode: "EACCES" })))).toMatch(
      /Run this as root/,
    );
    expect(told(judgeSilence(known("not-done")))).toMatch(/^failing: It is so\. \| Look at/);
  });
});
