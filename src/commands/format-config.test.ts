import { readFileSync } from "node:fs";
import { parse } from "smol-toml";
import { describe, expect, it } from "vitest";
import { effectiveValues } from "../config/effective.js";
import { parseConfig } from "../config/load.js";
import { formatConfig } from "./format-config.js";

const text = `[node]
name = "a"
[carp]
vhids = ["9@em0", "10@em1"]
[proxysql]
admin_password_file = "/etc/a \\"b\\" \\\\ \\u009b2J\\u202e"
keep_local = ["mysql-threads", "mysql-interfaces", "admin-web_port", "proxysql_servers"]
[[peer]]
name = "b"
host = "192.0.2.12"
key_file = "/k"
host_key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIPakNcVO9TXCpb977ZR21+lQqih0z1+QizbLL2TjpDLw"
`;

function shown(source: string): string {
  const file = { path: "/x.toml", namedBy: "--config" } as const;
  return formatConfig({ schema: "proxysql-carp/config/v1", file, values: effectiveValues(source) });
}

describe("formatConfig", () => {
  it("is a configuration file that says the same", () => {
    expect(parseConfig(shown(text), "shown")).toEqual(parseConfig(text, "x.toml"));
    expect(shown(`${text}[http]\nlisten = "127.0.0.1:1"\n`)).toContain("\n[http]\nlisten");
  });

  it("has every key of the sample", () => {
    const sample = readFileSync("share/proxysql-carp.toml.sample", "utf8");
    const keys = [...sample.matchAll(/^#?([a-z_]+) = /gm)].map((match) => match[1] ?? "");
    expect(keys.length).toBeGreaterThan(30);
    for (const key of keys) expect(shown(text)).toMatch(new RegExp(`^(# )?${key}(:| =) `, "m"));
  });

  it("says where each value is from", () => {
    expect(shown(text)).toMatch(/^# \/x\.toml, named by --config$/m);
    expect(shown(text)).toMatch(/^name = "a" +# line 2$/m);
    expect(shown(text)).toMatch(/^standby = "warm" +# default$/m);
    expect(shown(text)).toMatch(/^keep_local = \[ +# line 7$/m);
    expect(shown(text)).toMatch(/^# admin_socket: not set$/m);
    expect(shown(text)).toMatch(/^# \[http\]\n# listen: not set$/m);
  });

  it("gives a terminal nothing to obey", () => {
    expect(parse(text)).toMatchObject({ proxysql: { admin_password_file: expect.stringMatching(/\u009b/) } });
    expect(shown(text)).not.toMatch(/(?!\n)[\p{Cc}\p{Cf}]/u);
  });
});
