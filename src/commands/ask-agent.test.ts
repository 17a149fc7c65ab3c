import { mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it } from "vitest";
import type { Config } from "../config/schema.js";
import { KnownError } from "../platform/errors.js";
import { askAgent } from "./ask-agent.js";

it("counts an agent that takes the request and gives no answer as unreachable", async () => {
  const dir = mkdtempSync(join(tmpdir(), "ask-agent-"));
  const frozen = createServer(() => undefined).listen(join(dir, "agent.sock"));
  const config = { node: { run_dir: dir } } as Config;
  const error = await askAgent(config, { op: "status" }, 100).catch((thrown: unknown) => thrown);
  frozen.close();
  rmSync(dir, { recursive: true });

  expect(error).toBeInstanceOf(KnownError);
  expect(error).toMatchObject({ code: "agent-unreachable", exitCode: 3 });
  expect(String(error)).toContain("took the request on");
  expect(String(error)).toContain("gave no answer");
});
