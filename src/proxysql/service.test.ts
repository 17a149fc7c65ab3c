import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { isKnown } from "../platform/errors.js";
import { runService } from "./service.js";

let dir: string;

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), "service-"));
  vi.stubEnv("PATH", `${dir}:${process.env.PATH}`);
});

afterEach(() => {
  vi.unstubAllEnvs();
  rmSync(dir, { recursive: true });
});

function standIn(script: string): void {
  writeFileSync(join(dir, "service"), `#!/bin/sh\n${script}\n`);
  chmodSync(join(dir, "service"), 0o755);
}

describe("runService", () => {
  it("returns what the rc script says, though the service keeps its output open", async () => {
    standIn('sleep 5 & echo "$@"; exit 1');

    expect(await runService("proxysql", "onestart")).toEqual({ code: 1, output: "proxysql onestart" });
  });

  it("gives a hanging rc script up when asked to", async () => {
    standIn("sleep 20");
    const error = await runService("proxysql", "onestart", AbortSignal.timeout(200)).catch(
      (thrown: unknown) => thrown,
    );

    expect(isKnown(error, "not-done")).toBe(true);
  });
});
