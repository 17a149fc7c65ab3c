import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { configJsonSchema, type JsonSchema } from "../../../src/config/json-schema.js";
import { parseConfig } from "../../../src/config/load.js";
import { isKnown } from "../../../src/platform/errors.js";
import { defaultKeepLocal } from "../../../src/snapshot/keep-local.js";
import { type ConfigKey, configKeys } from "./config-keys.js";
import { code, section, tableRows } from "./markdown.js";

const keys = configKeys();
const paths = keys.map(({ path }) => path).sort();
const sample = readFileSync("share/proxysql-carp.toml.sample", "utf8");

/** What a default looks like in a configuration file. */
function written(value: unknown): string {
  return JSON.stringify(value);
}

describe("README's table of the configuration", () => {
  const rows = tableRows(section(readFileSync("README.md", "utf8"), "Configuration"));
  const byKey = new Map(rows.map(({ cells }) => [code(cells[0]), cells]));

  it("has every key, and none that does not exist", () => {
    expect([...byKey.keys()].sort()).toEqual(paths);
    expect(rows).toHaveLength(paths.length);
  });

  it.each(keys)("tells the default of $path", ({ path, fallback, required }: ConfigKey) => {
    const cell = byKey.get(path)?.[1];
    if (required) expect(cell).toBe("required");
    else if (fallback !== undefined) expect(code(cell)).toBe(written(fallback));
    else expect(cell).toMatch(/^[a-z]/);
  });
});

describe("proxysql-carp.toml(5)", () => {
  const items = manualItems(readFileSync("man/proxysql-carp.toml.5", "utf8"));

  it("has every key, and none that does not exist", () => {
    expect(items.map(({ path }) => path).sort()).toEqual(paths);
  });

  it.each(keys)("tells the default of $path", ({ path, fallback, required }: ConfigKey) => {
    const text = items.find((item) => item.path === path)?.text ?? "";
    const told = /^Default:\n\.Ql (.+) \.$/m.exec(text)?.[1];
    if (required) expect(text).toContain("\nRequired.");
    else if (fallback !== undefined)
      expect(told).toBe(typeof fallback === "string" ? quoted(fallback) : written(fallback));
    else expect(told).toBeUndefined();
  });

  it.each(keys)("tells what $path is written as", ({ path, table, name }: ConfigKey) => {
    const form = configJsonSchema().properties?.[table];
    const word = / No = Ar (\S+)$/m.exec(
      items.find((item) => item.path === path)?.text.split("\n")[0] ?? "",
    )?.[1];
    expect(wordsFor((form?.items ?? form)?.properties?.[name] ?? {})).toContain(word);
  });

  it("lists what keep_local is without being set", () => {
    const text = items.find(({ path }) => path === "proxysql.keep_local")?.text ?? "";
    expect([...text.matchAll(/^\.It Ql (\S+)$/gm)].map((match) => match[1])).toEqual(defaultKeepLocal);
  });
});

/** What the manual page may call a value of a key. */
function wordsFor({ type, pattern, enum: choices }: JsonSchema): string[] {
  if (type === "array") return ["list"];
  if (type === "object") return ["table"];
  if (type === "integer") return ["number"];
  if (type === "boolean") return ["boolean"];
  if (String(pattern).endsWith("(ms|s|m|h|d)$")) return ["duration"];
  if (pattern === "^\\/") return ["path"];
  return choices === undefined ? ["string", "host", "cron", "user:group", "address:port"] : ["string"];
}

/** As an argument of a macro: what has a blank stands in quotes. */
function quoted(text: string): string {
  return /\s/.test(text) ? `"${text}"` : text;
}

/** The tagged items of the sections that are named after tables. */
function manualItems(source: string): { path: string; text: string }[] {
  return source
    .split(/^\.S[hs] /m)
    .slice(1)
    .flatMap((part) => {
      const table = /^"?\[\[?([a-z]+)\]/.exec(part)?.[1];
      if (table === undefined) return [];
      return part
        .split(/^\.It Cm /m)
        .slice(1)
        .map((text) => ({ path: `${table}.${/^\S+/.exec(text)?.[0]}`, text }));
    });
}

describe("the sample configuration", () => {
  const filled = sample
    .replace("<this node>", "a")
    .replace(/"<vhid@interface[^"]*>"/, '"9@em0"')
    .replace("<the peer's name>", "b")
    .replace("<the peer's address>", "192.0.2.12")
    .replace(/"<path, such as ([^"]*)>"/g, '"$1"')
    .replace(
      "<ssh-ed25519 AAAA...>",
      "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIPakNcVO9TXCpb977ZR21+lQqih0z1+QizbLL2TjpDLw",
    );
  const uncommented = filled.replaceAll(/^#(?=[a-z_]+ = |\s{2}"|\]|\[)/gm, "");

  it("is refused as long as its placeholders are in it", () => {
    expect(refusal(sample)).toContain("peer #1.host_key");
  });

  it("is taken once they are filled", () => {
    expect(filled).not.toMatch(/"<|>"/);
    expect(parseConfig(filled, "sample").node.name).toBe("a");
  });

  it("has every key, and none that does not exist", () => {
    const found: string[] = [];
    let table = "";
    for (const line of sample.split("\n")) {
      table = /^#?\[\[?([a-z]+)\]/.exec(line)?.[1] ?? table;
      const name = /^#?([a-z_]+) = /.exec(line)?.[1];
      if (name !== undefined) found.push(`${table}.${name}`);
    }
    expect(found.sort()).toEqual(paths);
  });

  it("shows the defaults: the same configuration with and without what is commented out", () => {
    const example = { admin_socket: "/var/run/proxysql/admin.sock", owner: "proxysql:proxysql" };
    const plain = parseConfig(filled, "sample");
    expect(parseConfig(uncommented, "sample")).toEqual({
      ...plain,
      proxysql: { ...plain.proxysql, ...example, keep_local: [...defaultKeepLocal] },
      fence: {
        ...plain.fence,
        mysql_user: "proxysql-carp",
        mysql_password_file: "/usr/local/etc/proxysql-carp/mysql.password",
      },
      alerts: { ...plain.alerts, command: ["/usr/local/libexec/proxysql-carp-alert"] },
      orchestrator: parseConfig(`${filled}\n${orchestratorExample}`, "sample").orchestrator,
      lock: {
        ...plain.lock,
        kind: "etcd",
        endpoints: [1, 2, 3].map((at) => `https://etcd${at}.example:2379`),
        key: "proxysql-carp/db",
        user: "proxysql-carp",
        secret_file: "/usr/local/etc/proxysql-carp/lock.secret",
        ca_file: "/usr/local/etc/proxysql-carp/lock-ca.pem",
      },
      stonith: { ...plain.stonith, command: expect.arrayContaining(["{peer}-ipmi.example"]) },
    });
  });
});

/** What the sample shows of [orchestrator], without the keys whose defaults it shows. */
const orchestratorExample = `[orchestrator]
endpoints = ["http://orc1:3000", "http://orc2:3000", "http://orc3:3000"]
user = "proxysql-carp"
secret_file = "/usr/local/etc/proxysql-carp/orchestrator.secret"
ca_file = "/usr/local/etc/proxysql-carp/orchestrator-ca.pem"
`;

function refusal(text: string): string {
  try {
    parseConfig(text, "sample");
  } catch (error) {
    if (isKnown(error, "config-invalid")) return error.message;
    throw error;
  }
  return "taken";
}
