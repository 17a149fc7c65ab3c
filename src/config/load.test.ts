import { describe, expect, it } from "vitest";
import { isKnown } from "../platform/errors.js";
import { parseConfig } from "./load.js";

const good = `
[node]
name = "a"

[carp]
vhids = ["9@em0"]

[proxysql]
admin_password_file = "/usr/local/etc/admin.password"

[[peer]]
name = "b"
host = "192.0.2.12"
key_file = "/usr/local/etc/id_ed25519"
host_key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIPakNcVO9TXCpb977ZR21+lQqih0z1+QizbLL2TjpDLw"
`;

function refusal(text: string): string {
  try {
    parseConfig(text, "x.toml");
  } catch (error) {
    if (isKnown(error, "config-invalid")) {
      expect(error.exitCode).toBe(78);
      return error.message;
    }
    throw error;
  }
  throw new Error("the configuration was taken");
}

describe("parseConfig", () => {
  it("fills in the defaults and reads durations as milliseconds", () => {
    const config = parseConfig(good, "x.toml");

    expect(config.carp).toMatchObject({
      vhids: ["9@em0"],
      standby: "warm",
      settle: 0,
      reconcile: 5_000,
      hold: 30_000,
    });
    expect(config.http).toBeUndefined();
    expect(config.alerts).toEqual({ timeout: 10_000, repeat: 0 });
    expect(config.stonith).toEqual({ timeout: 30_000, when: "contested", on_failure: "hold" });
    expect(config.lock).toEqual({ endpoints: [], ttl: 10_000 });
    expect(config.peer[0]).toMatchObject({ port: 22, user: "proxysql-carp" });
    expect(config.snapshots).toMatchObject({ schedule: "* * * * *", on_change: true, keep: 30 });
  });

  it.each([
    ['kind = "etcd"', "lock.endpoints: expected at least one URL"],
    ['endpoints = ["http://e:2379"]', 'lock.endpoints: expected kind beside it, "etcd" or "consul"'],
    ['kind = "etcd"\nendpoints = ["e:2379"]', "lock.endpoints #1: expected a URL such as"],
    ['kind = "etcd"\nendpoints = ["http://me:pw@e:2379"]', "lock.endpoints #1: expected a URL such as"],
    ['kind = "etcd"\nendpoints = ["http://e"]\nuser = "u"', "lock.user: expected both user and"],
    ['kind = "etcd"\nendpoints = ["http://e"]\nsecret_file = "/s"', "lock.secret_file: expected both"],
    ['kind = "consul"\nendpoints = ["http://c"]\nttl = "9s"', 'lock.ttl: expected at least "10s"'],
    ['kind = "consul"\nendpoints = ["http://c"]\nuser = "u"', "lock.user: expected none"],
    ['kind = "etcd"\nendpoints = ["http://e"]\nttl = "4s"', "lock.ttl: expected a duration"],
  ])("refuses a lock that cannot work: %s", (table, sentence) => {
    expect(refusal(`${good}\n[lock]\n${table}\n`)).toContain(sentence);
  });

  it.each([
    'kind = "etcd"\nendpoints = ["https://e1:2379", "http://[::1]:2379/"]\nuser = "u"\nsecret_file = "/s"',
    'kind = "consul"\nendpoints = ["http://c:8500"]\nsecret_file = "/s"\nkey = "db/proxysql+1"',
  ])("takes a lock that can: %s", (table) => {
    expect(parseConfig(`${good}\n[lock]\n${table}\n`, "x.toml").lock.kind).toBeDefined();
  });

  it.each([
    [
      "a misspelt key",
      good.replace("vhids", "vhid"),
      'x.toml:6: carp.vhid: expected a key this version knows, found "vhid".',
    ],
    [
      "a wrong type",
      good.replace('host = "192.0.2.12"', "host = 12"),
      "x.toml:13: peer #1.host: expected a string, found 12.",
    ],
    [
      "a bad vhid",
      good.replace("9@em0", "300@em0"),
      'x.toml:6: carp.vhids #1: expected a vhid and its interface, such as "9@em0", found "300@em0".',
    ],
    [
      "a bad duration",
      good.replace("[carp]", '[carp]\nsettle = "soon"'),
      'x.toml:6: carp.settle: expected a duration such as "500ms", "5s" or "1m", at most 1m, found "soon".',
    ],
    [
      "a duration out of its limits",
      good.replace("[carp]", '[carp]\nreconcile = "50ms"'),
      'x.toml:6: carp.reconcile: expected a duration such as "500ms", "5s" or "1m", at least 100ms, at most 10m, found "50ms".',
    ],
    [
      "a missing key",
      good.replace('name = "a"', ""),
      "x.toml:2: node.name: expected a string, found nothing.",
    ],
    [
      "a missing table",
      good.replace("[carp]", "[log]").replace('vhids = ["9@em0"]', ""),
      "x.toml: carp: expected a table, found nothing.",
    ],
    [
      "a peer named as the node",
      good.replace('name = "b"', 'name = "a"'),
      'x.toml:12: peer #1.name: expected a name of its own for every node, found "a" twice.',
    ],
    [
      "a vhid named twice",
      good.replace('["9@em0"]', '["9@em0", "10@em1", "9@em0"]'),
      'x.toml:6: carp.vhids #3: expected every vhid once, found "9@em0" twice.',
    ],
    [
      "an abridged host key",
      good.replace(/AAAA\w+[^"]*/, "AAAA"),
      'x.toml:15: peer #1.host_key: expected a whole public key, such as /etc/ssh/ssh_host_ed25519_key.pub of the peer has it, found "ssh-ed25519 AAAA".',
    ],
    [
      "a host key without its type",
      good.replace("ssh-ed25519 ", ""),
      "x.toml:15: peer #1.host_key: expected a public key line",
    ],
  ])("refuses %s with file, line, key, expected and found", (_, text, sentence) => {
    expect(refusal(text)).toContain(sentence);
  });

  it("names the line and column of what is not TOML", () => {
    expect(refusal(good.replace('name = "a"', "name = "))).toMatch(/^x\.toml:3:\d+: not TOML/);
  });

  it("tells every mistake at once", () => {
    const text = good.replace("9@em0", "em0").replace("192.0.2.12", "");
    expect(refusal(text).split("\n")).toHaveLength(2);

    const together = good.replace('["9@em0"]', '["9@em0", "9@em0"]').replace('name = "b"', 'name = "a"');
    expect(refusal(together).split("\n")).toHaveLength(2);
  });
});
