import { execFile } from "node:child_process";
import {
  appendFileSync,
  copyFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import Database from "better-sqlite3";
import { beforeAll, describe, expect, onTestFinished, test } from "vitest";
import type { VerifyDocument } from "../../../src/commands/format-verify.js";
import { sealed } from "../../../src/snapshot/seal.js";
import { copyOf, fixture, scratch } from "../../../src/snapshot/test-fixtures.js";
import { root } from "../../support/pair/node.js";
import { original } from "./gates.js";

const shop = fixture("2.7.1-shop");

interface Ended {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** The program as it is installed, on a host that has no agent and no configuration. */
function verify(args: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<Ended> {
  return new Promise((resolve) => {
    execFile(
      process.execPath,
      [join(root, "dist/cli.js"), "snapshot", "verify", ...args],
      { env: { ...process.env, PROXYSQL_CARP_CONFIG: "/nonexistent/proxysql-carp.toml", ...env } },
      (error, stdout, stderr) => resolve({ code: Number(error?.code ?? 0), stdout, stderr }),
    );
  });
}

async function documentOf(...args: string[]): Promise<VerifyDocument & { code: number }> {
  const { code, stdout } = await verify([...args, "--json"]);
  return { ...(JSON.parse(stdout) as VerifyDocument), code };
}

async function causeOf(...args: string[]): Promise<string> {
  const { code, stdout, stderr } = await verify(args);
  const cause = /^refused: ([a-z-]+): /.exec(stdout)?.[1];
  expect({ code, stderr }).toEqual({ code: cause === undefined ? 0 : 1, stderr: "" });
  return cause ?? "verified";
}

beforeAll(() => {
  if (!existsSync(join(root, "dist/cli.js")))
    throw new Error("dist/ is missing: run npx tsc -p tsconfig.build.json");
});

describe("a file", () => {
  test("that ProxySQL wrote is verified, and what could not be checked is told", async () => {
    const { code, stdout } = await verify([shop]);
    expect(code).toBe(0);
    expect(stdout).toMatch(/^verified: .*proxysql-2\.7\.1-shop\.db\n/);
    expect(stdout).toMatch(/integrity +passed/);
    expect(stdout).toMatch(/definitions +not made: no configuration/);

    const document = await documentOf(shop);
    expect(document).toMatchObject({
      schema: "proxysql-carp/verify/v1",
      code: 0,
      kind: "file",
      ok: true,
      refusal: null,
      snapshot: null,
    });
    expect(document.rows.mysql_servers).toBe(3);
    const made = document.checks.filter(({ state }) => state === "passed").map(({ name }) => name);
    expect(made).toEqual(["files", "database", "integrity", "tables", "emptiness"]);
  });

  test("that is bad is refused with its cause, and nothing is left beside it", async () => {
    const dir = scratch();
    const at = (name: string): string => join(dir, name);
    writeFileSync(at("nothing"), "");
    writeFileSync(at("text"), "x".repeat(10_000));
    const foreign = new Database(at("foreign"));
    foreign.exec("CREATE TABLE songs (name)");
    foreign.close();
    copyFileSync(shop, at("cut"));
    truncateSync(at("cut"), 4_096 * 30);
    copyFileSync(shop, at("longer"));
    appendFileSync(at("longer"), "x");

    expect(await causeOf(at("nothing"))).toBe("not-a-database");
    expect(await causeOf(at("text"))).toBe("not-a-database");
    expect(await causeOf(at("foreign"))).toBe("no-tables");
    expect(await causeOf(at("cut"))).toBe("integrity");
    expect(await causeOf(at("longer"))).toBe("integrity");
    expect(await causeOf("/dev/null")).toBe("not-a-database");
    expect(await causeOf(fixture("2.7.1-halfsaved"))).toBe("suspiciously-empty");
    expect(await causeOf(fixture("2.7.1-halfsaved"), "--accept")).toBe("verified");
    expect(readdirSync(dir).sort()).toEqual(["cut", "foreign", "longer", "nothing", "text"]);
    const missing = await verify([at("none")]);
    expect(missing).toMatchObject({ code: 1, stdout: "", stderr: expect.stringContaining("There is no") });
  });

  test("in gzip is unpacked, all of it and nothing else", async () => {
    const dir = scratch();
    const packed = gzipSync(readFileSync(shop));
    const file = join(dir, "any.name");
    const cause = (...parts: Buffer[]): Promise<string> => {
      writeFileSync(file, Buffer.concat(parts));
      return causeOf(file);
    };
    const flipped = Buffer.from(packed);
    flipped[packed.length >> 1] = (flipped[packed.length >> 1] ?? 0) ^ 8;

    expect(await cause(packed)).toBe("verified");
    expect(await cause(flipped)).toBe("digest-differs");
    expect(await cause(packed.subarray(0, -1))).toBe("digest-differs");
    expect(await cause(packed, Buffer.alloc(9))).toBe("digest-differs");
    expect(await cause(packed, Buffer.from("garbage"))).toBe("digest-differs");
    expect(await cause(packed, gzipSync(""))).toBe("digest-differs");
    expect(await cause(packed, packed)).toBe("digest-differs");
    expect(await cause(gzipSync("text"))).toBe("not-a-database");
  });

  test("that a crash left in the middle of a transaction is rolled back first, in a copy", async () => {
    const dir = scratch();
    const file = join(dir, "proxysql.db");
    copyFileSync(shop, file);
    const db = new Database(file);
    db.pragma("cache_size = 1");
    db.exec(
      "BEGIN; DELETE FROM mysql_servers; UPDATE global_variables SET variable_value = variable_value || 'x'",
    );
    const torn = join(scratch(), "proxysql.db");
    copyFileSync(file, torn);
    copyFileSync(`${file}-journal`, `${torn}-journal`);
    db.close();
    const before = readFileSync(torn);

    const { code, rows } = await documentOf(torn);

    expect({ code, servers: rows.mysql_servers }).toEqual({ code: 0, servers: 3 });
    expect(readFileSync(torn).equals(before)).toBe(true);
  });

  test("with hostile names in it obeys no terminal", async () => {
    const file = copyOf(
      "2.7.1-shop",
      scratch(),
      `CREATE TABLE "\u001b[31m\nred" (a)`,
      `INSERT INTO "\u001b[31m\nred" VALUES (1)`,
    );
    const link = join(scratch(), "a link");
    symlinkSync(file, link);

    const { code, stdout } = await verify([link]);

    expect(code).toBe(0);
    expect(stdout).not.toContain("\u001b");
    expect(stdout).toContain("\\x1b[31m\\nred");
  });

  test("is compared with the definitions of this host's ProxySQL where a configuration names them", async () => {
    const dir = scratch();
    const { definitions } = await original([]);
    writeFileSync(join(dir, "definitions.json"), JSON.stringify(definitions));
    const config = join(dir, "proxysql-carp.toml");
    writeFileSync(config, configuration(dir));
    const env = { PROXYSQL_CARP_CONFIG: config };
    const wide = copyOf("2.7.1-shop", dir, "ALTER TABLE mysql_servers ADD COLUMN extra INT");

    expect((await verify([shop], env)).stdout).toMatch(/definitions +passed/);
    expect((await verify([wide], env)).stdout).toMatch(/^refused: definitions-differ: .*mysql_servers/);
  });
});

function configuration(stateDir: string): string {
  const key = "AAAAC3NzaC1lZDI1NTE5AAAAIJ0Q9xSHKxGBBHKtqBSXs1yUEbo2Yy2wGQ4QXTjW4bYk";
  return `[node]\nname = "a"\nstate_dir = "${stateDir}"\n[carp]\nvhids = ["9@em0"]
[proxysql]\nadmin_password_file = "/nonexistent"\n
[[peer]]\nname = "b"\nhost = "b"\nkey_file = "/nonexistent"\nhost_key = "ssh-ed25519 ${key}"\n`;
}

describe("the directory of a snapshot", () => {
  test("is held against its manifest, packed or not", async () => {
    const { dir, manifest } = await original();
    const unpacked = scratch();
    cpSync(dir, unpacked, { recursive: true });
    rmSync(join(unpacked, "proxysql.db.gz"));
    const { datadir } = await original();
    copyFileSync(join(datadir, "proxysql.db"), join(unpacked, "proxysql.db"));

    const document = await documentOf(dir);
    expect(document).toMatchObject({
      code: 0,
      kind: "directory",
      snapshot: manifest.id,
      takenAt: manifest.takenAt,
    });
    const left = document.checks.filter(({ state }) => state === "not-made").map(({ name }) => name);
    expect(left).toEqual(["definitions", "emptiness"]);
    expect(await causeOf(unpacked)).toBe("verified");
    appendFileSync(join(unpacked, "proxysql-key.pem"), "x");
    expect(await causeOf(unpacked)).toBe("tls-differs");
  });

  test("is refused for whatever is wrong with it, with the cause", async () => {
    const { dir, manifest } = await original([]);
    const damaged = async (damage: (copy: string) => void): Promise<string> => {
      const copy = scratch();
      cpSync(dir, copy, { recursive: true });
      damage(copy);
      return causeOf(copy);
    };
    const rewrite = (copy: string, change: object): void =>
      writeFileSync(join(copy, "manifest.json"), JSON.stringify({ ...manifest, ...change }));

    expect(await damaged(() => undefined)).toBe("verified");
    expect(await damaged((copy) => rmSync(join(copy, "manifest.json")))).toBe("incomplete");
    expect(await damaged((copy) => rmSync(join(copy, "proxysql.db.gz")))).toBe("incomplete");
    expect(await damaged((copy) => rmSync(join(copy, "proxysql-ca.pem")))).toBe("incomplete");
    expect(await damaged((copy) => truncateSync(join(copy, "proxysql.db.gz"), 900))).toBe("digest-differs");
    expect(await damaged((copy) => truncateSync(join(copy, "manifest.json"), 900))).toBe("manifest-invalid");
    expect(await damaged((copy) => rewrite(copy, { takenAt: "2020-01-01T00:00:00Z" }))).toBe(
      "manifest-invalid",
    );
    expect(await damaged((copy) => rewrite(copy, sealed({ ...manifest, shared: "0".repeat(64) })))).toBe(
      "content-differs",
    );
    expect(
      await damaged((copy) => {
        rmSync(join(copy, "proxysql.db.gz"));
        mkdirSync(join(copy, "proxysql.db.gz"));
      }),
    ).toBe("incomplete");
  });
});

test("what is to be verified must be said", async () => {
  expect(await verify([])).toMatchObject({ code: 2, stdout: "" });
  expect(await verify(["0000000001-0000000001-a"])).toMatchObject({ code: 78, stdout: "" });
});

test("a command that is interrupted leaves nothing of what it unpacked", async () => {
  const dir = scratch();
  const tmp = scratch();
  const big = join(dir, "big.gz");
  writeFileSync(big, gzipSync(Buffer.alloc(600 * 1024 * 1024), { level: 1 }));
  const child = execFile(process.execPath, [join(root, "dist/cli.js"), "snapshot", "verify", big], {
    env: { ...process.env, TMPDIR: tmp },
  });
  onTestFinished(() => void child.kill("SIGKILL"));
  const ended = new Promise((resolve) => child.once("exit", (_, signal) => resolve(signal)));
  await expect.poll(() => readdirSync(tmp, { recursive: true }).length, { timeout: 60_000 }).toBe(2);
  child.kill("SIGTERM");

  expect(await ended).toBe("SIGTERM");
  expect(readdirSync(tmp)).toEqual([]);
});
