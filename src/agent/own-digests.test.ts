import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { writeDefinitions } from "../snapshot/definitions.js";
import { sha256Of } from "../snapshot/hashing.js";
import { DigestReader, type OwnDigests, tlsDigest } from "./own-digests.js";

let dir: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), "digests-"));
  mkdirSync(join(dir, "data"));
});
afterEach(() => rmSync(dir, { recursive: true }));

function look(): Promise<OwnDigests> {
  return new DigestReader(dir, join(dir, "data")).look();
}

function put(name: string, text: string): void {
  writeFileSync(join(dir, "data", `proxysql-${name}.pem`), text);
}

const digest = (text: string): string => sha256Of(text);

describe("DigestReader", () => {
  it("says nothing of a host on which nothing is yet", async () => {
    expect(await look()).toEqual({ definitions: null, proxysqlVersion: null, tls: null, tlsMissing: [] });
  });

  it("has the digest that a manifest of the same files has, in whatever order", async () => {
    for (const name of ["ca", "cert", "key"]) put(name, name);
    const files = ["key", "ca", "cert"].map(
      (name) => ({ name: `proxysql-${name}.pem`, sha256: digest(name) }) as never,
    );

    expect((await look()).tls).toBe(tlsDigest(files));
    put("cert", "another");
    expect((await look()).tls).not.toBe(tlsDigest(files));
  });

  it("tells which of the three are missing, empty ones and links among them", async () => {
    put("ca", "ca");
    put("cert", "");
    symlinkSync("/etc/passwd", join(dir, "data/proxysql-key.pem"));

    expect(await look()).toMatchObject({ tls: null, tlsMissing: ["proxysql-cert.pem", "proxysql-key.pem"] });
  });

  it("compares definitions by what all versions have, and tells their version", async () => {
    const tables = { mysql_users: digest("users"), global_variables: digest("variables") };
    const digestOf = async (more: Record<string, string>): Promise<string | null> => {
      await writeDefinitions(dir, { version: "2.7.1", tables: { ...tables, ...more } });
      return (await look()).definitions;
    };
    const plain = await digestOf({});

    expect(plain).toMatch(/^[0-9a-f]{64}$/);
    expect(
      await digestOf({ pgsql_users: digest("3.0"), mysql_users_v200: digest("kept by an upgrade") }),
    ).toBe(plain);
    expect(await digestOf({ mysql_users: digest("one column more") })).not.toBe(plain);
    expect(await digestOf({ scheduler: digest("there") })).not.toBe(plain);
    expect((await look()).proxysqlVersion).toBe("2.7.1");
  });

  it("reads a file anew when it has changed", async () => {
    const reader = new DigestReader(dir, join(dir, "data"), 0);
    for (const name of ["ca", "cert", "key"]) put(name, name);
    const before = await reader.look();
    put("key", "a longer key");
    const after = await reader.look();

    expect(after.tls).not.toBe(before.tls);
    expect(await reader.look()).toEqual(after);
  });
});
