import { describe, expect, it } from "vitest";
import type { EndpointView, OrchestratorLook } from "../orchestrator/types.js";
import { judgeOrchestrator } from "./orchestrator.js";
import { told } from "./test-told.js";

const leader: EndpointView = { url: "http://o1", state: "leader", detail: "http://o1 leads." };
const gone: EndpointView = {
  url: "http://o2",
  state: "unreachable",
  detail: "http://o2 is unreachable: ECONNREFUSED.",
};

function view(endpoints: readonly EndpointView[]): OrchestratorLook {
  return {
    kind: "view",
    endpoints,
    view: { leader: "http://o1", downtimed: [], instances: [], recoveries: [] },
  };
}

describe("judgeOrchestrator", () => {
  it("is well when its leader answers", () => {
    expect(told(judgeOrchestrator(view([leader])))).toBe(
      "ok: Orchestrator answers: its leader is http://o1; it knows 0 servers.",
    );
  });

  it("warns of a node that does not", () => {
    const verdict = judgeOrchestrator(view([leader, gone]));
    expect(verdict.state).toBe("warning");
    expect(verdict.sentence).toContain(gone.detail);
  });

  it("fails without a leader, and says what each node said", () => {
    const verdict = judgeOrchestrator({ kind: "none", why: "Nobody leads.", endpoints: [gone] });
    expect(verdict.state).toBe("failing");
    expect(verdict.sentence).toContain("Nobody leads. http://o2 is unreachable");
  });
});
