import { spawnSync } from "node:child_process";
import { resolve } from "node:path";
import { describe, expect, it } from "vitest";

function run(...words: string[]): { code: number | null; stdout: string; stderr: string } {
  const { status, stdout, stderr } = spawnSync(process.execPath, [resolve("dist/cli.js"), ...words], {
    encoding: "utf8",
    timeout: 30_000,
  });
  return { code: status, stdout, stderr };
}

describe("a wrong command line", () => {
  it.each([
    ["status --jso", "Did you mean --json?"],
    ["statsu", "Did you mean status?"],
    ["snapshot dif a b", "Did you mean diff?"],
    ["maintenance", "Commands:"],
    ["history --limit", "argument missing"],
    ["serve x", "too many arguments"],
    ["", "Commands:"],
  ])("ends with exit code 2 and tells usage on standard error: %s", (line, sentence) => {
    const { code, stdout, stderr } = run(...line.split(" ").filter((word) => word !== ""));

    expect(stderr).toContain(sentence);
    expect(stderr).toMatch(/^Usage: proxysql-carp /m);
    expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
  });

  it("of `check` ends with exit code 3 and one line on standard output, as a monitoring system reads it", () => {
    const { code, stdout } = run("check", "--bad");

    expect(stdout).toBe("PROXYSQL-CARP UNKNOWN - error: unknown option '--bad'\n");
    expect(code).toBe(3);
  });

  it("that asks for help ends with exit code 0 and tells it on standard output", () => {
    for (const words of [
      ["--help"],
      ["help"],
      ["snapshot", "--help"],
      ["help", "snapshot"],
      ["check", "--help"],
    ]) {
      const { code, stdout, stderr } = run(...words);
      expect(stdout).toContain("Examples:");
      expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    }
  });
});
