import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { reasonGroups } from "../health/reason.js";
import { scriptFor } from "./completion/print.js";
import { completionTree, isKnownValue } from "./completion/tree.js";
import { createProgram } from "./program.js";

let dir: string;

beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), "completion-"));
  for (const shell of ["sh", "bash", "zsh"] as const) {
    writeFileSync(join(dir, shell), scriptFor(shell, createProgram()));
  }
  writeFileSync(join(dir, "a file.db"), "");
  writeFileSync(join(dir, "a.toml"), "");
});

afterAll(() => rmSync(dir, { recursive: true }));

function run(program: string, ...args: string[]): { code: number | null; stdout: string; stderr: string } {
  const { status, stdout, stderr } = spawnSync(program, args, {
    cwd: dir,
    encoding: "utf8",
    timeout: 60_000,
  });
  return { code: status, stdout, stderr };
}

/** Every command line (its last word is the one to complete) with what bash offers. */
function inBash(lines: readonly (readonly string[])[]): string[][] {
  const asked = lines.map((words) => {
    const quoted = ["proxysql-carp", ...words].map((word) => `'${word}'`);
    return `COMP_WORDS=(${quoted.join(" ")}); COMP_CWORD=${words.length}; _proxysql_carp; printf '%s\\t' "\${COMPREPLY[@]}"; echo`;
  });
  const { code, stdout, stderr } = run("bash", "--norc", "-c", [". ./bash", ...asked].join("\n"));
  expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
  return stdout
    .trimEnd()
    .split("\n")
    .map((line) => line.split("\t").filter((word) => word !== ""));
}

/** Every command's path as commander has it, with its own flags, subcommands, and whether it takes arguments. */
function commandsOf(
  command = createProgram(),
  path: readonly string[] = [],
): { path: readonly string[]; command: typeof command }[] {
  return [{ path, command }, ...command.commands.flatMap((one) => commandsOf(one, [...path, one.name()]))];
}

describe("completion", () => {
  it("knows of every value whether it can be completed", () => {
    const names = commandsOf().flatMap(({ command }) => [
      ...command.options
        .filter(({ argChoices }) => !argChoices)
        .map(({ flags }) => /<([a-z-]+)/.exec(flags)?.[1]),
      ...command.registeredArguments.filter(({ argChoices }) => !argChoices).map((one) => one.name()),
    ]);
    expect(names.filter((name) => name !== undefined && !isKnownValue(name))).toEqual([]);
  });
});

describe("completion bash", () => {
  it("is known to bash once it is read", () => {
    const { stdout, stderr } = run("bash", "--norc", "-c", ". ./bash; complete -p proxysql-carp");
    expect({ stdout, stderr }).toEqual({ stdout: "complete -F _proxysql_carp proxysql-carp\n", stderr: "" });
  });

  it("offers every command where it may stand, and no other", () => {
    const families = commandsOf().filter(({ command }) => command.commands.length > 0);
    const offered = inBash(families.map(({ path }) => [...path, ""]));
    for (const [index, { path, command }] of families.entries()) {
      const own = command.commands.map((one) => one.name());
      expect(offered[index], path.join(" ")).toEqual(path.length === 0 ? [...own, "help"] : own);
    }
  });

  it("offers every flag of every command, and no other", () => {
    const commands = commandsOf();
    const offered = inBash(commands.map(({ path }) => [...path, "-"]));
    for (const [index, { path, command }] of commands.entries()) {
      const own = new Set([...command.options.map(({ long }) => long), "--config", "--help"]);
      expect(new Set(offered[index]), path.join(" ")).toEqual(own);
    }
  });

  it.each([
    [["sta"], ["status"]],
    [
      ["snapshot", "d"],
      ["diff", "drill"],
    ],
    [["--config", "a.toml", "snapshot", "di"], ["diff"]],
    [["--config", "=", "a.toml", "reas"], ["reasons"]],
    [["check", "--group", ""], [...reasonGroups]],
    [["check", "--group", "=", "pro"], ["proxysql"]],
    [["check", "--timeout", ""], []],
    [["check", "--timeout", "5s", "--gr"], ["--group"]],
    [
      ["notify", ""],
      ["MASTER", "BACKUP", "INIT"],
    ],
    [["notify", "MASTER", ""], []],
    [["completion", "z"], ["zsh"]],
    [["help", "main"], ["maintenance"]],
    [["snapshot", "diff", "li"], ["live"]],
    [["snapshot", "diff", "--json", "live", "pe"], ["peer"]],
    [["snapshot", "diff", "live", "disk", ""], []],
    [
      ["snapshot", "diff", "a"],
      ["a file.db", "a.toml"],
    ],
    [["snapshot", "verify", "a."], ["a.toml"]],
    [["--config", "a."], ["a.toml"]],
    [["status", "--config", "a."], ["a.toml"]],
    [["nonsense", ""], []],
  ])("completes %j to %j", (words, expected) => {
    expect(inBash([words])[0]?.sort()).toEqual([...expected].sort());
  });

  it("leaves words, files and the shell's state to themselves", () => {
    const script = `before=$(set); . ./bash; COMP_WORDS=(proxysql-carp '$(touch hit)' '\`touch hit\`' ''); COMP_CWORD=3
_proxysql_carp; [[ -e hit ]] && echo hit; echo "\${words-unset} \${files-unset} \${cur-unset}"`;
    expect(run("bash", "--norc", "-c", script)).toEqual({
      code: 0,
      stdout: "unset unset unset\n",
      stderr: "",
    });
  });
});

const noZsh = run("zsh", "--version").code === 0 ? "" : " (skipped: zsh is missing: apt-get install zsh)";

/** What zsh, on a terminal of its own, has made of each line by the time that it is sent, after a tab at its end. */
function inZsh(lines: readonly string[], known: string): string[] {
  writeFileSync(
    join(dir, "drive.zsh"),
    `zmodload zsh/zpty
zpty inner zsh -f -i
take() { zpty -r inner reply "*$1*" || exit 9 }
zpty -w inner 'PS1= RPROMPT=; unsetopt zle_bracketed_paste prompt_cr; stty -echo; setopt nobeep; cd ${dir}'
zpty -w inner 'autoload -U compinit && ${known} && proxysql-carp() { print -r -- "<got:""\${(j:|:)@}>" } && print rea""dy'
take ready
for line in "$@"; do
  zpty -w -n inner "$line"$'\\t\\n'
  take '<got:*>'
  print -r -- "\${\${reply##*<got:}%%>*}"
done
zpty -d inner
`,
  );
  const { code, stdout, stderr } = run("zsh", "-f", "drive.zsh", ...lines);
  expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
  return stdout.trimEnd().split("\n");
}

describe.skipIf(noZsh !== "")(`completion zsh${noZsh}`, () => {
  it.each([
    ["sourced", "compinit -u -D && . ./zsh"],
    ["in fpath", "fpath=($PWD/functions $fpath) && compinit -u -D"],
  ])("completes commands, flags, values and files on a terminal, %s", (_, known) => {
    mkdirSync(join(dir, "functions"), { recursive: true });
    writeFileSync(join(dir, "functions/_proxysql-carp"), scriptFor("zsh", createProgram()));
    const wanted: [string, string][] = [
      ["proxysql-carp hist", "history"],
      ["proxysql-carp snapshot dif", "snapshot|diff"],
      ["proxysql-carp check --gro", "check|--group"],
      ["proxysql-carp check --group ho", "check|--group|host"],
      ["proxysql-carp notify BA", "notify|BACKUP"],
      ["proxysql-carp --config a.", "--config|a.toml"],
      ["proxysql-carp --config a.toml main", "--config|a.toml|maintenance"],
      ["proxysql-carp snapshot diff live a.", "snapshot|diff|live|a.toml"],
      ["proxysql-carp completion ba", "completion|bash"],
    ];
    expect(
      inZsh(
        wanted.map(([line]) => line),
        known,
      ),
    ).toEqual(wanted.map(([, got]) => got));
  });

  it("tells each command with its description", () => {
    const script = scriptFor("zsh", createProgram());
    for (const { name, description } of readTree()) {
      expect(script).toContain(`'${name}:${description.replaceAll("'", "'\\''")}'`);
    }
  });

  it("says what is missing when compinit was not called", () => {
    const { stdout, stderr } = run("zsh", "-f", "-c", ". ./zsh");
    expect({ stdout, stderr }).toEqual({
      stdout: "",
      stderr: "proxysql-carp: completion needs compinit first\n",
    });
  });
});

function readTree(): readonly { name: string; description: string }[] {
  const words = completionTree(createProgram())[0]?.operands[0]?.words ?? [];
  expect(words.length).toBeGreaterThan(8);
  return words;
}

describe("completion sh", () => {
  it("is read by sh without doing anything", () => {
    const result = run("sh", "-eu", "-c", "set >before; . ./sh; set >after");

    expect(result).toEqual({ code: 0, stdout: "", stderr: "" });
    const [before, after] = ["before", "after"].map((name) => readFileSync(join(dir, name), "utf8"));
    expect(before).toContain("PATH=");
    expect(after?.replace(/^_=.*$/m, "")).toBe(before?.replace(/^_=.*$/m, ""));
  });

  it("says why, and where there is more", () => {
    const script = scriptFor("sh", createProgram());
    expect(script.split("\n").every((line) => line === "" || line.startsWith("#"))).toBe(true);
    expect(script).toContain("completion bash");
  });
});
