import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

const cli = resolve("dist/cli.js");
let dir: string;
let config: string;

beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), "output-"));
  config = join(dir, "proxysql-carp.toml");
  writeFileSync(
    config,
    `[node]\nname = "a"\n[carp]\nvhids = ["9@em0"]\n[proxysql]\nadmin_password_file = "/dev/null"
[[peer]]\nname = "b"\nhost = "192.0.2.12"\nkey_file = "/dev/null"
host_key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIPakNcVO9TXCpb977ZR21+lQqih0z1+QizbLL2TjpDLw"\n`,
  );
});

afterAll(() => rmSync(dir, { recursive: true }));

function sh(script: string): { code: number | null; stdout: string; stderr: string } {
  const result = spawnSync("sh", ["-c", script], { cwd: dir, encoding: "utf8", timeout: 30_000 });
  return { code: result.status, stdout: result.stdout, stderr: result.stderr };
}

describe("what a command prints", () => {
  it("is its version, for --version", () => {
    const { version } = JSON.parse(readFileSync("package.json", "utf8")) as { version: string };

    expect(sh(`${cli} --version`)).toEqual({ code: 0, stdout: `${version}\n`, stderr: "" });
  });

  it.each(["config check", "--help", "--version"])("is missed by nobody when nobody reads it: %s", (args) => {
    // The reader goes first, then the gate lets the writer begin.
    const writer = `{ read -r gone <gate; ${cli} --config ${config} ${args}; echo $? >code; }`;
    const { stderr } = sh(`rm -f gate code; mkfifo gate; ${writer} | { exec <&-; echo gone >gate; }`);

    expect(stderr).toBe("");
    expect(readFileSync(join(dir, "code"), "utf8")).toBe("0\n");
  });

  it.each(["config check", "--help", "--version"])("is missed when the disk is full: %s", (args) => {
    const { code, stderr } = sh(`${cli} --config ${config} ${args} >/dev/full`);

    expect(stderr).toMatch(/^proxysql-carp: standard output cannot be written: ENOSPC.*\n$/);
    expect(code).toBe(1);
  });
});
