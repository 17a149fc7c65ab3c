import { parse } from "smol-toml";
import { describe, expect, it } from "vitest";
import { z } from "zod";
import { configJsonSchema, type JsonSchema } from "./json-schema.js";

const good = `
[node]
name = "a"
[carp]
vhids = ["9@em0"]
settle = "500ms"
[proxysql]
admin_password_file = "/usr/local/etc/admin.password"
[[peer]]
name = "b"
host = "192.0.2.12"
key_file = "/k"
host_key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIPakNcVO9TXCpb977ZR21+lQqih0z1+QizbLL2TjpDLw"
`;

/** What an editor would say of a file, by the printed schema alone. */
function isTaken(text: string): boolean {
  const printed = JSON.parse(JSON.stringify(configJsonSchema())) as Parameters<typeof z.fromJSONSchema>[0];
  return z.fromJSONSchema(printed).safeParse(parse(text)).success;
}

function keysOf(schema: JsonSchema, path = ""): { path: string; schema: JsonSchema }[] {
  return Object.entries(schema.properties ?? schema.items?.properties ?? {}).flatMap(([name, one]) => {
    const below = keysOf(one, `${path}${name}.`);
    return below.length > 0 ? below : [{ path: `${path}${name}`, schema: one }];
  });
}

describe("config schema", () => {
  it("takes a good file", () => expect(isTaken(good)).toBe(true));

  it.each([
    ["a key that does not exist", good.replace("settle", "setle")],
    ["a missing key", good.replace('name = "a"', "")],
    ["a wrong type", good.replace('host = "192.0.2.12"', "host = 12")],
    ["a duration without a unit", good.replace("500ms", "500")],
    ["a vhid out of range", good.replace("9@em0", "300@em0")],
    ["a choice that does not exist", good.replace("settle =", 'standby = "hot"\nsettle =')],
    ["a relative path", good.replace('"/k"', '"k"')],
  ])("refuses %s", (_, text) => expect(isTaken(text)).toBe(false));

  it("describes every key", () => {
    const keys = keysOf(configJsonSchema());
    expect(keys.length).toBeGreaterThan(30);
    for (const { path, schema } of keys) expect(schema.description, path).toMatch(/^\S.+[.?]$/);
  });

  it("has the form and the limits of a duration", () => {
    const settle = configJsonSchema().properties?.carp?.properties?.settle;
    expect(settle).toMatchObject({
      type: "string",
      default: "0ms",
      pattern: expect.stringContaining("ms|s|m|h|d"),
    });
    expect(settle?.description).toContain("A duration, at most 1m.");
  });
});
