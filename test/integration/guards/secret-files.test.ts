import { spawnSync } from "node:child_process";
import { chmodSync } from "node:fs";
import { join, resolve } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createPair, type Pair } from "../../support/pair/pair.js";
import { logOf, until } from "../agent/harness.js";

let pair: Pair;
let password: string;

beforeAll(async () => {
  pair = await createPair({ standby: "warm" });
  password = join(pair.a.dir, "admin.password");
});

afterAll(() => pair.end());

function run(...words: string[]): { code: number | null; stdout: string; stderr: string } {
  const args = [resolve("dist/cli.js"), "--config", pair.a.configFile, ...words];
  const { status, stdout, stderr } = spawnSync(process.execPath, args, { encoding: "utf8", timeout: 30_000 });
  return { code: status, stdout, stderr };
}

describe("a password file that everybody can read", () => {
  it.each(["config check", "agent"])(
    "is refused with exit code 78, the file and what to do: %s",
    (command) => {
      chmodSync(password, 0o644);
      const { code, stderr } = run(...command.split(" "));

      expect(code).toBe(78);
      expect(stderr).toContain(`found ${password} with mode 0644`);
      expect(stderr).toContain(`chmod 0600 ${password}`);
      expect(stderr).toMatch(/proxysql-carp\.toml:\d+: proxysql\.admin_password_file: expected/);
    },
  );

  it("is refused by a reload, and the running agent goes on as it was", async () => {
    chmodSync(password, 0o600);
    expect(run("config", "check")).toMatchObject({ code: 0, stderr: "" });
    pair.a.startAgent();
    await until("the agent answers", async () => (await pair.a.status()).node === "a");

    chmodSync(password, 0o644);
    pair.a.signalAgent("SIGHUP");
    await until("the refusal is logged", async () => logOf(pair.a).includes("the old one stays in force"));

    expect(logOf(pair.a)).toContain(`found ${password} with mode 0644`);
    expect((await pair.a.status()).standby).toBe("warm");
    chmodSync(password, 0o600);
    pair.a.signalAgent("SIGHUP");
    await until("the reload is logged", async () => logOf(pair.a).includes("read again"));
  });
});
