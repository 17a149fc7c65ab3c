import { describe, expect, it } from "vitest";
import { parseConfig } from "../config/load.js";
import { configText, saysTheSame } from "./config-text.js";
import { type Found, type Given, nodeNameOf, settle } from "./settings.js";

const found: Found = {
  node: "db1",
  carp: [{ vhid: "9@em0", role: "MASTER", protocol: "carp", advbase: 1, advskew: 0 }],
  carpProblem: null,
  proxysql: {
    ...{ file: "/p.cfg", problem: null, worldReadable: false, datadir: "/data" },
    ...{
      adminHost: "127.0.0.1",
      adminPort: 6132,
      adminSocket: null,
      clientHost: "192.0.2.11",
      clientPort: 3306,
    },
    users: ["root"],
    passwords: new Map([["root", "x"]]),
  },
  existing: null,
  passwordIsThere: false,
};
const given: Given = { peer: "b", peerHost: "192.0.2.12" };
const hostKey = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIPakNcVO9TXCpb977ZR21+lQqih0z1+QizbLL2TjpDLw";

describe("settle", () => {
  it("takes what was found, and what the options say before that", () => {
    expect(settle(given, found)).toMatchObject({
      node: "db1",
      vhids: ["9@em0"],
      standby: "warm",
      proxysql: {
        datadir: "/data",
        adminPort: 6132,
        adminUser: "root",
        clientHost: "192.0.2.11",
        clientPort: 3306,
      },
      peer: { name: "b", host: "192.0.2.12", port: 22, user: "proxysql-carp" },
    });
    const options = { ...given, node: "a", vhid: ["7@em1"], adminPort: "1", datadir: "/d", standby: "cold" };
    expect(settle(options, found)).toMatchObject({
      node: "a",
      vhids: ["7@em1"],
      standby: "cold",
      proxysql: { adminPort: 1, datadir: "/d" },
    });
  });

  it("keeps what an earlier configuration says", () => {
    const before = settle({ ...given, node: "a", peerPort: "2222", standby: "cold" }, found);
    const existing = parseConfig(configText(before, hostKey), "x.toml");
    expect(settle({}, { ...found, node: "other", existing })).toEqual(before);
    expect(saysTheSame(existing, configText(before, hostKey), "x.toml")).toBe(true);
    expect(saysTheSame(existing, configText({ ...before, vhids: ["8@em0"] }, hostKey), "x.toml")).toBe(false);
  });

  it("takes nothing of one peer for another", () => {
    const existing = parseConfig(
      configText(settle({ ...given, peerPort: "2222" }, found), hostKey),
      "x.toml",
    );
    expect(() => settle({ peer: "c" }, { ...found, existing })).toThrow("--peer-host is needed");
    expect(settle({ peer: "c", peerHost: "192.0.2.13" }, { ...found, existing }).peer.port).toBe(22);
  });

  it("uses the admin's socket if it listens at nothing else", () => {
    const proxysql = { ...found.proxysql, adminHost: null, adminPort: null, adminSocket: "/tmp/a.sock" };
    const settings = settle(given, { ...found, proxysql });
    expect(parseConfig(configText(settings, hostKey), "x.toml").proxysql.admin_socket).toBe("/tmp/a.sock");
    expect(settle({ ...given, adminPort: "1" }, { ...found, proxysql }).proxysql.adminSocket).toBeNull();
  });

  it("asks for a password's file if the password of that user is not known", () => {
    expect(() => settle({ ...given, adminUser: "admin" }, found)).toThrow("--admin-password-file is needed");
    expect(
      settle({ ...given, adminUser: "admin" }, { ...found, passwordIsThere: true }).proxysql.adminUser,
    ).toBe("admin");
  });
});

it.each([
  ["db1.example.org", "db1"],
  ["_db 1!x", "db-1-x"],
  ["...", null],
  ["", null],
])("makes a node's name of the host's name %j: %j", (host, name) => expect(nodeNameOf(host)).toBe(name));
