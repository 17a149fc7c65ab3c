import { execFileSync } from "node:child_process";
import {
  chownSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { scratch } from "../snapshot/test-fixtures.js";
import { Staging } from "./staging.js";

const proxysql = { uid: 64_322, gid: 64_322 };
const notRoot = process.getuid?.() !== 0;

function stagingIn(state: string, owner = proxysql): Staging {
  return new Staging(join(state, "staging"), () => Promise.resolve(owner));
}

function mayWrite(dir: string): boolean {
  const { uid, mode } = statSync(dir);
  return uid !== 0 || (mode & 0o022) !== 0;
}

describe.skipIf(notRoot)("staging against ProxySQL's user (needs root)", () => {
  it("hands over the database alone, and follows no link while it does", async () => {
    const state = scratch();
    const staging = stagingIn(state);
    const victim = join(scratch(), "victim");
    writeFileSync(victim, "precious");
    const dir = await staging.make();
    writeFileSync(join(dir, "proxysql.db"), "database", { mode: 0o600 });
    symlinkSync(victim, join(dir, "x"));

    await staging.hand(dir);

    expect(statSync(victim).uid).toBe(0);
    expect(statSync(join(dir, "proxysql.db"))).toMatchObject(proxysql);
    expect(statSync(join(dir, "proxysql.db")).mode & 0o777).toBe(0o600);
    for (const path of [join(state, "staging"), dir]) expect(mayWrite(path), path).toBe(false);
    expect(statSync(dir).mode & 0o777).toBe(0o711);
  });

  it("does not hand over what is no plain file", async () => {
    const staging = stagingIn(scratch());
    const victim = join(scratch(), "victim");
    writeFileSync(victim, "precious");
    const dir = await staging.make();
    symlinkSync(victim, join(dir, "proxysql.db"));

    await expect(staging.hand(dir)).rejects.toThrow("is no plain file");
    expect(statSync(victim).uid).toBe(0);
  });

  it("takes back what an older version gave to ProxySQL's user", async () => {
    const state = scratch();
    mkdirSync(join(state, "staging"), { mode: 0o700 });
    chownSync(join(state, "staging"), proxysql.uid, proxysql.gid);
    const elsewhere = scratch();
    writeFileSync(join(elsewhere, "precious"), "precious");
    symlinkSync(elsewhere, join(state, "staging", "work-x"));

    await stagingIn(state).open();
    expect(mayWrite(join(state, "staging"))).toBe(false);
    await stagingIn(state).sweep();

    expect(existsSync(join(state, "staging"))).toBe(false);
    expect(readdirSync(elsewhere)).toEqual(["precious"]);
  });

  it.each(["link", "fifo", "another's file", "second name"])("receives no %s", async (kind) => {
    const state = scratch();
    const victim = join(scratch(), "victim");
    writeFileSync(victim, "precious");
    const to = join(scratch(), "copy");
    const received = stagingIn(state).receive(to, async (path) => {
      if (kind === "link") return symlinkSync(victim, path);
      if (kind === "fifo") return void execFileSync("mkfifo", [path]);
      writeFileSync(path, "theirs");
      if (kind === "second name") execFileSync("ln", [path, `${path}.2`]);
      chownSync(path, kind === "another's file" ? 64_400 : proxysql.uid, proxysql.gid);
    });

    await expect(received).rejects.toMatchObject({ code: "not-done" });
    expect(existsSync(to)).toBe(false);
    expect(readdirSync(join(state, "staging"))).toEqual([]);
  });
});

describe("staging", () => {
  it("receives a file that another wrote", async () => {
    const state = scratch();
    const owner = notRoot ? { uid: process.getuid?.() ?? 0, gid: process.getgid?.() ?? 0 } : proxysql;
    const to = join(scratch(), "copy");
    let drop = "";

    await stagingIn(state, owner).receive(to, async (path) => {
      drop = join(path, "..");
      expect(lstatSync(drop)).toMatchObject(owner);
      expect(lstatSync(drop).mode & 0o777).toBe(0o700);
      writeFileSync(path, "theirs");
      chownSync(path, owner.uid, owner.gid);
    });

    expect(readFileSync(to, "utf8")).toBe("theirs");
    expect(lstatSync(to).uid).toBe(process.getuid?.());
    expect(existsSync(drop)).toBe(false);
  });
});
