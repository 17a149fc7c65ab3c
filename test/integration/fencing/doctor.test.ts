import { expect, it } from "vitest";
import { startFencedPair } from "./harness.js";

it("the doctor looks at Orchestrator too, and names the node that does not answer", async () => {
  const { pair, orchestrator, end } = await startFencedPair();
  try {
    const line = async () => {
      const { stdout } = await pair.a.cli("doctor", "--json");
      const { checks } = JSON.parse(stdout) as {
        checks: { check: string; state: string; sentence: string }[];
      };
      return checks.find(({ check }) => check === "orchestrator");
    };
    expect(await line()).toMatchObject({
      state: "ok",
      sentence: expect.stringContaining("it knows 3 servers"),
    });
    await orchestrator.killNode(2);
    expect(await line()).toMatchObject({
      state: "warning",
      sentence: expect.stringContaining(orchestrator.endpoints[2] ?? "?"),
    });
    for (const node of [0, 1]) await orchestrator.killNode(node);
    expect(await line()).toMatchObject({ state: "failing" });
  } finally {
    await end();
  }
});
