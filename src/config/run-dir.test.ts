import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { runDirOf } from "./run-dir.js";

let dir: string;
let file: string;

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), "run-dir-"));
  file = join(dir, "proxysql-carp.toml");
});

afterEach(() => {
  rmSync(dir, { recursive: true, force: true });
});

describe("the directory of the sockets", () => {
  it.each([
    ['[node]\nrun_dir = "/tmp/here"', "/tmp/here"],
    ['[node]\nname = "a"', "/var/run/proxysql-carp"],
    ["[carp]\nno_such_key = 1", "/var/run/proxysql-carp"],
  ])("is read from %j", async (text, wanted) => {
    writeFileSync(file, text);
    expect(await runDirOf(file)).toBe(wanted);
  });

  it.each(['[node]\nrun_dir = "here"', "[node]\nrun_dir = 1"])("is refused in %j", async (text) => {
    writeFileSync(file, text);
    await expect(runDirOf(file)).rejects.toMatchObject({
      code: "config-invalid",
      message: expect.stringContaining(`${file}:2: node.run_dir: expected`),
    });
  });

  it("is not found in what is no TOML, or not there", async () => {
    await expect(runDirOf(file)).rejects.toMatchObject({ code: "config-invalid" });
    writeFileSync(file, "[node");
    await expect(runDirOf(file)).rejects.toMatchObject({ code: "config-invalid" });
  });
});
