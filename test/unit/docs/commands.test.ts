import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { describe, expect, it } from "vitest";
import { programCommands } from "./program-commands.js";

const commands = programCommands();
const leaves = commands.filter(({ leaf }) => leaf);
const manual = readFileSync("man/proxysql-carp.8", "utf8");
const documents = ["README.md", "CHANGELOG.md", ...readdirSync("docs").map((name) => join("docs", name))];

function all(text: string, pattern: RegExp): string[] {
  return [...text.matchAll(pattern)].map((match) => match[1] ?? "");
}

describe("proxysql-carp(8)", () => {
  it("has every command of the program, and none that it does not have", () => {
    const described = all(
      manual.split(/^\.Sh /m).find((part) => part.startsWith("COMMANDS")) ?? "",
      /^\.It Cm ([a-z ]+?)(?: (?:Op|Oo|Ar|Fl) .*)?$/gm,
    );
    expect(leaves.length).toBeGreaterThan(10);
    expect([...new Set(described)].sort()).toEqual(leaves.map(({ name }) => name).sort());
  });

  it("has every option of the program", () => {
    for (const { flags } of commands)
      for (const flag of flags) expect(manual).toContain(`Fl -${flag.slice(2)}`);
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

  it("keeps drawings and commands within 80 columns, file names and keys aside", () => {
    const drawings = all(text, /```(?:text)?\n([\s\S]*?)```/g).join("\n");
    for (const line of drawings.split("\n")) expect(line.length, line).toBeLessThanOrEqual(80);
  });
});
