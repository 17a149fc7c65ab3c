import { execFile, spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { parse } from "smol-toml";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

let dir: string;
let configFile: string;

beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), "command-line-"));
  configFile = join(dir, "proxysql-carp.toml");
  writeFileSync(join(dir, "admin.password"), "s3cret-of-admin\n", { mode: 0o600 });
  writeFileSync(join(dir, "key"), "s3cret-key\n", { mode: 0o600 });
  writeFileSync(
    configFile,
    `[node]\nname = "a"\n[carp]\nvhids = ["9@em0"]\n[proxysql]\nadmin_password_file = "${dir}/admin.password"
[[peer]]\nname = "b"\nhost = "192.0.2.12"\nkey_file = "${dir}/key"
host_key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIPakNcVO9TXCpb977ZR21+lQqih0z1+QizbLL2TjpDLw"\n`,
  );
});

afterAll(() => rmSync(dir, { recursive: true }));

function run(...words: string[]): { code: number | null; stdout: string; stderr: string } {
  const { status, stdout, stderr } = spawnSync(process.execPath, [resolve("dist/cli.js"), ...words], {
    encoding: "utf8",
    timeout: 30_000,
    env: { ...process.env, PROXYSQL_CARP_CONFIG: configFile },
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

describe("config show", () => {
  it("tells each value, where it is from and what named the file, and no secret", () => {
    const { code, stdout, stderr } = run("config", "show");

    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    expect(stdout).toMatch(/^# .*proxysql-carp\.toml, named by PROXYSQL_CARP_CONFIG$/m);
    expect(stdout).toMatch(/^name = "a" +# line 2$/m);
    expect(stdout).toMatch(/^standby = "warm" +# default$/m);
    expect(stdout).not.toContain("s3cret");
    expect(parse(stdout)).toMatchObject({ node: { name: "a" }, peer: [{ name: "b", port: 22 }] });
    expect(run("--config", configFile, "config", "show").stdout).toMatch(/^# .*, named by --config$/m);
  });

  it("is one document with --json", () => {
    const { file, values } = JSON.parse(run("config", "show", "--json").stdout) as {
      file: { namedBy: string };
      values: { key: string; from: string }[];
    };

    expect(file.namedBy).toBe("PROXYSQL_CARP_CONFIG");
    expect(values).toContainEqual(expect.objectContaining({ key: "settle", value: "0ms", from: "default" }));
    expect(values).toContainEqual(expect.objectContaining({ key: "keep_local", from: "default" }));
  });

  it("refuses a file with a mistake, as `config check` does", () => {
    const bad = join(dir, "bad.toml");
    writeFileSync(bad, "[node]\nnam = 1\n");
    for (const command of ["show", "check"]) {
      const { code, stdout, stderr } = run("--config", bad, "config", command);
      expect({ code, stdout }).toEqual({ code: 78, stdout: "" });
      expect(stderr).toContain(`${bad}:2: node.nam: expected a key this version knows`);
    }
  });
});

it.each(["", "../b"])("refuses `switchover --to %j` before it asks an agent", (to) => {
  const { code, stderr } = run("switchover", "--dry-run", "--to", to);

  expect(stderr).toContain(`--to: expected a node's name, found "${to}".`);
  expect(code).toBe(2);
});

it("shows what an agent says in a peer's words, and lets the terminal obey none of it", async () => {
  const sentence = "Peer b: \u001b[2J\u001b]0;x\u0007 no";
  const server = createServer((socket) => {
    socket.once("data", () => socket.end(`${JSON.stringify({ ok: false, error: sentence })}\n`));
  });
  await new Promise<void>((listening) => server.listen(join(dir, "agent.sock"), listening));
  const file = join(dir, "with-agent.toml");
  writeFileSync(file, readFileSync(configFile, "utf8").replace("[node]", `[node]\nrun_dir = "${dir}"`));
  const told = await new Promise<string>((ended) => {
    const words = [resolve("dist/cli.js"), "--config", file, "switchover", "--dry-run"];
    execFile(process.execPath, words, { timeout: 30_000 }, (_error, _stdout, stderr) => ended(stderr));
  });
  server.close();

  expect(told).toBe("proxysql-carp: Peer b: \\x1b[2J\\x1b]0;x\\x07 no\n");
});

describe("what is printed for other programs", () => {
  it("is a JSON Schema, and needs no configuration", () => {
    const { code, stdout } = run("--config", join(dir, "none"), "config", "schema");
    expect(code).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({
      $schema: expect.stringContaining("draft-07"),
      type: "object",
    });
  });

  it("is a completion that bash takes", () => {
    const script = `. <(node ${resolve("dist/cli.js")} completion bash) && complete -p proxysql-carp`;
    const { status, stdout } = spawnSync("bash", ["--norc", "-c", script], {
      encoding: "utf8",
      timeout: 30_000,
    });
    expect({ status, stdout }).toEqual({ status: 0, stdout: "complete -F _proxysql_carp proxysql-carp\n" });
    expect(run("completion", "fish")).toMatchObject({
      code: 2,
      stderr: expect.stringContaining("sh, zsh, bash"),
    });
  });
});
