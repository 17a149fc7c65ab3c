import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { describe, expect, it } from "vitest";
import { manualCommands, manualSynopsis } from "./manual-commands.js";
import { code, section, tableRows } from "./markdown.js";
import { flagsOf, programCommands, valueName } from "./program-commands.js";

const commands = programCommands();
const leaves = commands.filter(({ leaf }) => leaf);
const manual = readFileSync("man/proxysql-carp.8", "utf8");
const json = readFileSync("docs/json.md", "utf8");
const documents = ["README.md", "CHANGELOG.md", ...readdirSync("docs").map((name) => join("docs", name))];

function all(text: string, pattern: RegExp): string[] {
  return [...text.matchAll(pattern)].map((match) => match[1] ?? "");
}

describe("proxysql-carp(8)", () => {
  const items = manualCommands(manual);

  it("has every command of the program, and none that it does not have", () => {
    expect(leaves.length).toBeGreaterThan(10);
    expect(items.map(({ name }) => name).sort()).toEqual(leaves.map(({ name }) => name).sort());
  });

  it.each(leaves)(
    "has the flags and arguments of $name, and none that it does not have",
    ({ name, command }) => {
      const item = items.find((one) => one.name === name);
      expect(new Map(item?.flags)).toEqual(flagsOf(command));
      if (!item?.listsOptions)
        expect(item?.operands).toEqual(command.registeredArguments.map((one) => one.name()));
    },
  );

  it.each(leaves)("has the choices and the document of $name", ({ name, command, flags }) => {
    const text = items.find((one) => one.name === name)?.text ?? "";
    for (const { argChoices } of [...command.options, ...command.registeredArguments]) {
      for (const choice of argChoices ?? [])
        expect(text).toMatch(new RegExp(`^\\.(?:Ql|It Cm) ${choice}\\b`, "m"));
    }
    const schemas = all(text, /^\.Ql proxysql-carp\/([a-z-]+)\/v1/gm);
    expect(schemas.length > 0, schemas.join()).toBe(flags.includes("--json"));
    for (const schema of schemas) expect(json).toMatch(new RegExp(`^## proxysql-carp/${schema}/v1$`, "m"));
  });

  it.each(leaves)("has $name in its synopsis, with all flags and arguments", ({ name, command }) => {
    const [line, ...more] = manualSynopsis(manual).filter((one) => one.name === name);
    expect(more).toEqual([]);
    if (line?.listsOptions) return;
    expect(new Map(line?.flags)).toEqual(flagsOf(command));
    expect(line?.operands).toEqual(command.registeredArguments.map((one) => one.name()));
  });

  it("has no synopsis of a command that there is not", () => {
    const names = manualSynopsis(manual).flatMap(({ name }) => (name === "" ? [] : [name]));
    expect(names.filter((name) => !leaves.some((one) => one.name === name))).toEqual([]);
  });

  it("has the program's own options", () => {
    const text = manual.split(/^\.Sh /m).find((part) => part.startsWith("DESCRIPTION")) ?? "";
    const told = [...text.matchAll(/^\.It Fl -([a-z-]+)(?: Ar ([a-z]+))?$/gm)].map(([, flag, value]) => {
      return [`--${flag}`, value];
    });
    expect(told).toEqual(commands[0]?.command.options.map(({ long, flags }) => [long, valueName(flags)]));
  });

  it("has every variable of the rc script with its default", () => {
    const script = readFileSync("rc.d/proxysql_carp", "utf8");
    const defaults = [...script.matchAll(/^: "\$\{(proxysql_carp_\w+):=([^}]*)\}"$/gm)];
    expect(defaults.length).toBeGreaterThan(5);
    for (const [, name, value] of defaults) {
      const item = manual.split(/^\.It /m).find((part) => part.startsWith(`Va ${name}\n`));
      expect(item, name).toContain(`Default:\n.Ql ${value} .`);
    }
  });

  it("has the exit codes of every known error", () => {
    const codes = all(readFileSync("src/platform/errors.ts", "utf8"), /exit: (\d+)/g);
    for (const code of new Set(codes)) expect(manual).toMatch(new RegExp(`^\\.It ${code}$`, "m"));
  });
});

describe("README's table of the commands", () => {
  it("has every command as --help describes it, and none that does not exist", () => {
    const rows = tableRows(section(readFileSync("README.md", "utf8"), "Commands"));
    const told = rows.map(({ cells }) => [code(cells[0]), cells[1]]);
    expect(told).toEqual(leaves.map(({ name, command }) => [name, command.description()]));
  });
});

describe.each(documents)("%s", (file) => {
  const text = readFileSync(file, "utf8");

  it("names only scripts that package.json has", () => {
    const { scripts } = JSON.parse(readFileSync("package.json", "utf8")) as {
      scripts: Record<string, string>;
    };
    for (const name of all(text, /npm run ([a-z:]+)/g)) expect(Object.keys(scripts)).toContain(name);
  });

  it("links only to files that are there", () => {
    for (const link of all(text, /\]\((?!https?:)([^)#]+)/g)) {
      expect(existsSync(join(dirname(file), link)), link).toBe(true);
    }
  });

  it("names only files of this repository that are there", () => {
    for (const path of all(
      text,
      /`((?:src|test|devd|rc\.d|share|man|docs|bench|scripts)\/[A-Za-z0-9_./-]+)`/g,
    )) {
      expect(existsSync(path), path).toBe(true);
    }
  });

  it("keeps drawings and commands within 80 columns, what cannot be wrapped (SQL and JSON to paste) aside", () => {
    const blocks = text.matchAll(/^```(\w*)\n([\s\S]*?)^```$/gm);
    const drawings = [...blocks]
      .map(([, kind = "", block = ""]) => (/^(text)?$/.test(kind) ? block : ""))
      .join("\n");
    for (const line of drawings.split("\n")) expect(line.length, line).toBeLessThanOrEqual(80);
  });
});
