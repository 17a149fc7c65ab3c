import { describe, expect, it } from "vitest";
import { effectiveValues } from "./effective.js";
import { parseConfig } from "./load.js";

const text = `[node]
name = "a"

[carp]
vhids = ["9@em0"]
settle = "1s" # a remark

[proxysql]
admin_password_file = "/usr/local/etc/admin.password"

[[peer]]
name = "b"
host = "192.0.2.12"
key_file = "/k"
host_key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIPakNcVO9TXCpb977ZR21+lQqih0z1+QizbLL2TjpDLw"

[[peer]]
name = "c"
host = "192.0.2.13"
port = 2222
key_file = "/k"
host_key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIPakNcVO9TXCpb977ZR21+lQqih0z1+QizbLL2TjpDLw"
`;

function find(source: string, table: string, key: string, index: number | null = null) {
  const found = effectiveValues(source).filter(
    (one) => one.table === table && one.key === key && one.index === index,
  );
  expect(found).toHaveLength(1);
  return found[0];
}

describe("effectiveValues", () => {
  it("says of each value whether it is from a line of the file or the default, as the file would have it", () => {
    expect(find(text, "carp", "settle")).toMatchObject({ value: "1s", from: "file", line: 6 });
    expect(find(text, "carp", "hold")).toMatchObject({ value: "30s", from: "default", line: null });
    expect(find(text, "proxysql", "admin_socket")).toMatchObject({ value: null, from: "nowhere" });
    expect(find(text, "snapshots", "keep")).toMatchObject({ value: 30, from: "default" });
  });

  it("keeps the entries of a list apart", () => {
    expect(find(text, "peer", "host", 1)).toMatchObject({ value: "192.0.2.13", from: "file", line: 19 });
    expect(find(text, "peer", "port", 0)).toMatchObject({ value: 22, from: "default" });
    expect(find(text, "peer", "port", 1)).toMatchObject({ value: 2222, from: "file", line: 20 });
  });

  it("has no values for a table that is off, and its defaults for one that is there and empty", () => {
    expect(find(text, "http", "listen")).toMatchObject({ value: null, from: "nowhere" });
    expect(find(`${text}[http]\n`, "http", "listen")).toMatchObject({
      value: "127.0.0.1:9632",
      from: "default",
    });
  });

  it("fits what the program itself reads", () => {
    const config = parseConfig(text, "x.toml") as unknown as Record<string, Record<string, unknown>>;
    for (const { table, index, key, value } of effectiveValues(text)) {
      const own = index === null ? config[table] : (config[table]?.[index] as Record<string, unknown>);
      const read = own?.[key] ?? null;
      if (typeof read === typeof value) expect(read, `${table}.${key}`).toEqual(value);
      else
        expect(`${table}.${key} ${typeof read}`).toMatch(
          /^(carp|proxysql|snapshots|alerts|stonith|lock)\.[a-z_]+ number$/,
        );
    }
  });

  it("never tells a secret, only the name of its file", () => {
    const schema = {
      properties: {
        orchestrator: { properties: { token: {}, admin_password: {}, secret_file: {}, url: {} } },
      },
    };
    const source =
      '[orchestrator]\ntoken = "u:s3cret"\nadmin_password = "s3cret"\nsecret_file = "/f"\nurl = "http://o"\n';
    const values = effectiveValues(source, schema);

    expect(JSON.stringify(values)).not.toContain("s3cret");
    expect(values.map(({ value, line }) => `${line} ${value}`)).toEqual([
      "2 (not shown)",
      "3 (not shown)",
      "4 /f",
      "5 http://o",
    ]);
  });
});
