import { spawnSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { scriptFor } from "../../../src/cli/completion/print.js";
import { createProgram } from "../../../src/cli/program.js";

/** Why a program cannot be used here, for a suite's title; undefined if it can. */
function missing(program: string, ...harmless: string[]): string | undefined {
  if (spawnSync(program, harmless).error === undefined) return undefined;
  return `${program} is missing: apt-get install ${program}`;
}

function titled(title: string, why: string | undefined): string {
  return why === undefined ? title : `${title} (skipped: ${why})`;
}

function run(program: string, ...args: string[]): { status: number | null; output: string } {
  const { status, stdout, stderr } = spawnSync(program, args, { encoding: "utf8" });
  return { status, output: `${stdout}${stderr}` };
}

const scripts = [
  ...["devd", "rc.d", "share/orchestrator", "share/periodic"].flatMap((dir) =>
    readdirSync(dir).map((name) => join(dir, name)),
  ),
  ".ci/run",
].filter((file) => readFileSync(file, "utf8").startsWith("#!"));
const manuals = readdirSync("man").map((name) => join("man", name));

const noShellcheck = missing("shellcheck", "--version");
describe.skipIf(noShellcheck !== undefined)(titled("shellcheck", noShellcheck), () => {
  it("looks at the hooks, the rc script, the daily one and CI's script", () => {
    expect(scripts).toEqual([
      "devd/proxysql-carp-notify",
      "rc.d/proxysql_carp",
      "share/orchestrator/tell-proxysql-carp",
      "share/periodic/485.proxysql-carp",
      ".ci/run",
    ]);
  });

  it.each(scripts)("finds nothing in %s", (file) => {
    expect(run("shellcheck", file)).toEqual({ status: 0, output: "" });
  });
});

describe.skipIf(noShellcheck !== undefined)(titled("shellcheck of completion", noShellcheck), () => {
  it.each(["bash", "sh"] as const)("finds nothing in what is printed for %s", (shell) => {
    const input = scriptFor(shell, createProgram());
    const { status, stdout } = spawnSync("shellcheck", ["-s", shell, "-"], { encoding: "utf8", input });
    expect({ status, stdout }).toEqual({ status: 0, stdout: "" });
  });
});

const noMandoc = missing("mandoc", "-Tlint", ...manuals);
describe.skipIf(noMandoc !== undefined)(titled("mandoc", noMandoc), () => {
  it.each(manuals)("finds nothing in %s", (file) => {
    expect(run("mandoc", "-Tlint", "-W", "warning", file)).toEqual({ status: 0, output: "" });
  });

  it.each(manuals)("can be read: %s", (file) => {
    expect(run("mandoc", "-Tmarkdown", file).output).toMatch(/^# NAME$/m);
  });
});
