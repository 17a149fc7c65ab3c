import { execFileSync } from "node:child_process";
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { devdMark, readDevdConfig, verdictOf } from "./devd-config.js";
import { ruleMatches } from "./devd-match.js";
import { DevdSyntaxError, parseDevdFile } from "./devd-rules.js";

const event = { system: "CARP", subsystem: "9@em0", type: "MASTER" };
const usual = "/usr/local/etc/devd/proxysql-carp.conf";
/** As the base system's file: options, blocks of all kinds, an empty one, strings over two lines. */
const base = `# comment
options {
	directory "/etc/devd";
	directory "/usr/local/etc/devd";
	pid-file "/var/run/devd.pid";
	set wifi-driver-regex "(ath|\\
		bwi)[0-9]+";
};
/* a comment
   of two * lines */
notify 0 { match "system" "IFNET"; match "type" "LINK_UP"; media-type "ethernet";
	action "service dhclient quietstart $subsystem"; };
attach 0 { device-name "$wifi-driver-regex"; action "x $device-name"; };
detach 100 { device-name "ed50"; };
nomatch 0 {
#	action "logger Unknown";
};
notify 10 { match "system" "ACPI"; action "service power_profile $notify"; }; // end
`;

let root: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "devd-"));
});
afterEach(() => rmSync(root, { recursive: true }));

function put(file: string, text: string): void {
  const path = join(root, file);
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, text);
}

function rule(
  priority: number,
  type = "MASTER|BACKUP|INIT",
  action = "/usr/local/libexec/proxysql-carp-notify $type $subsystem",
): string {
  return `notify ${priority} { match "system" "CARP"; match "subsystem" "[0-9]+@.+"; match "type" "(${type})"; action "${action}"; };\n`;
}

async function verdict(type = "MASTER"): Promise<{ ours: string; by: string | null; tie: boolean }> {
  const config = await readDevdConfig(root);
  if (config === null) throw new Error("there is no devd");
  expect(config.broken).toBeNull();
  const { ours, by, tie } = verdictOf(config, { ...event, type });
  const place = (one: typeof ours): string => (one === null ? "none" : `${one.file}:${one.line}`);
  return { ours: place(ours), by: by === null ? null : place(by), tie };
}

describe("parseDevdFile", () => {
  it("reads what the base system has", () => {
    const { rules, directories, variables } = parseDevdFile(base, "/etc/devd.conf");

    expect(directories).toEqual(["/etc/devd", "/usr/local/etc/devd"]);
    expect(variables.get("wifi-driver-regex")).toBe("(ath|bwi)[0-9]+");
    expect(rules).toMatchObject([
      { priority: 0, line: 11, matches: [{}, {}, { variable: "media-type" }] },
      { priority: 10, line: 18, actions: ["service power_profile $notify"] },
    ]);
  });

  it.each([
    ['notify { action "x"; };', 1, "a number"],
    ['notify 10 {\n match "system" "CARP"\n action "x"; };', 3, "expected a string|expected ;"],
    ['notify 10 { match "system" ""; };', 1, "a string"],
    ['notify 10 { action "x"; }', 1, "the end"],
    ['notify 10 { action "it\'s \\"quoted\\""; };', 1, "expected ;, found .quoted"],
    ['notfiy 10 { action "x"; };', 1, "notfiy"],
    ["notify 10 { action x; };", 1, "a string"],
    ['\n\noptions { colour "red"; };', 3, "colour"],
  ])("refuses %j as devd does, with its line", (text, line, what) => {
    try {
      parseDevdFile(text, "/etc/devd/x.conf");
      expect.unreachable();
    } catch (error) {
      expect(error).toBeInstanceOf(DevdSyntaxError);
      expect(error).toMatchObject({ file: "/etc/devd/x.conf", line });
      expect(String(error)).toMatch(new RegExp(what));
    }
  });
});

describe("ruleMatches", () => {
  const matches = (variable: string, pattern: string, variables = new Map<string, string>()): boolean =>
    ruleMatches(
      { file: "f", line: 1, priority: 1, matches: [{ variable, pattern }], actions: [] },
      event,
      variables,
    );

  it.each([
    ["subsystem", "9@em0", true],
    ["subsystem", "[0-9]+@.+", true],
    ["subsystem", "[[:digit:]]+@em[0-9]", true],
    ["subsystem", "9@EM0", true],
    ["subsystem", "9@em", false],
    ["subsystem", "!9@em1", true],
    ["subsystem", "!9@em0", false],
    ["subsystem", "9@em0\\.10", false],
    ["subsystem", "9@em\\0", true],
    ["subsystem", "[]9]@em0", true],
    ["subsystem", "[^\\]+", true],
    ["type", "MASTER|BACKUP", true],
    ["type", "BACKUP|MASTER", true],
    ["type", "MAS|BACKUP", true],
    ["type", "(MAS|BACKUP)", false],
    ["type", "[bad", false],
    ["type", "![bad", true],
    ["unset", ".*", true],
    ["unset", "x", false],
    ["unset", "!x", true],
  ])("%s against %s is %s", (variable, pattern, expected) => {
    expect(matches(variable, pattern)).toBe(expected);
  });

  it("expands what was set, and what the event has", () => {
    expect(matches("subsystem", "$mine", new Map([["mine", "9@em[0-9]"]]))).toBe(true);
    expect(matches("type", "$type")).toBe(true);
    expect(matches("type", "$nothing")).toBe(false);
  });
});

describe("which rule gets an event of ours", () => {
  it("there is no devd on a host without its files", async () => {
    expect(await readDevdConfig(root)).toBeNull();
  });

  it("is ours, with the files as they are delivered", async () => {
    put("/etc/devd.conf", base);
    mkdirSync(join(root, dirname(usual)), { recursive: true });
    copyFileSync("devd/carp.conf", join(root, usual));

    for (const type of ["MASTER", "BACKUP", "INIT"]) {
      const { ours, by } = await verdict(type);
      expect(ours).toContain(usual);
      expect(by).toBeNull();
    }
  });

  it("is none without a file of ours, or with one that forgets a role or is named otherwise", async () => {
    put("/etc/devd.conf", base);
    expect(await verdict()).toMatchObject({ ours: "none" });
    put(`${usual}.sample`, rule(673));
    expect(await verdict()).toMatchObject({ ours: "none" });
    put(usual, rule(673, "MASTER|BACKUP"));
    expect(await verdict("BACKUP")).toMatchObject({ ours: `${usual}:1` });
    expect(await verdict("INIT")).toMatchObject({ ours: "none" });
  });

  it("is another one of higher priority, wherever it stands, even if it has no action", async () => {
    put(usual, rule(673));
    put("/etc/devd/other.conf", 'notify 700 { match "system" "CARP"; };');

    expect(await verdict()).toEqual({ ours: `${usual}:1`, by: "/etc/devd/other.conf:1", tie: false });
  });

  it("is ours over one of lower priority, and over a higher one that wants something else", async () => {
    put("/usr/local/etc/devd/other.conf", rule(101, "MASTER", "other") + rule(900, "BACKUP", "other"));
    put(usual, rule(673));

    expect(await verdict("MASTER")).toMatchObject({ by: null });
    expect(await verdict("BACKUP")).toMatchObject({ by: "/usr/local/etc/devd/other.conf:2" });
  });

  it("is undefined between equal priorities in two files of a directory, and the first one otherwise", async () => {
    put(usual, rule(673));
    put("/usr/local/etc/devd/zz.conf", rule(673, "MASTER", "other"));
    expect(await verdict()).toEqual({ ours: `${usual}:1`, by: "/usr/local/etc/devd/zz.conf:1", tie: true });
    rmSync(join(root, "/usr/local/etc/devd/zz.conf"));
    put("/etc/devd/zz.conf", rule(673, "MASTER", "other"));
    expect(await verdict()).toMatchObject({ by: "/etc/devd/zz.conf:1", tie: false });
    rmSync(join(root, "/etc/devd/zz.conf"));
    put(usual, rule(673) + rule(673, "MASTER", "other"));
    expect(await verdict()).toMatchObject({ by: null });
  });

  it("counts a block of somebody else's that calls our hook too", async () => {
    put(usual, rule(673));
    put("/etc/devd/other.conf", rule(700, "MASTER", "/usr/local/bin/proxysql-carp notify $type $subsystem"));

    expect(await verdict()).toMatchObject({ ours: "/etc/devd/other.conf:1", by: null });
  });

  it("follows the directories that devd.conf names, and no others", async () => {
    put("/etc/devd.conf", 'options { directory "/opt/devd"; };\nnotify 0 { match "system" "X"; };');
    put("/opt/devd/ours.conf", rule(673));
    put(usual, rule(900, "MASTER", "other"));

    expect(await verdict()).toMatchObject({ ours: "/opt/devd/ours.conf:1", by: null });
  });

  it("is nobody's if any file keeps devd from starting", async () => {
    put(usual, rule(673));
    put("/etc/devd/broken.conf", 'notify 10 {\n action "x"\n};');

    expect((await readDevdConfig(root))?.broken).toMatch(/^\/etc\/devd\/broken\.conf:3: /);
  });
});

it("neither waits for a FIFO among devd's files nor reads it, and follows a link to a file", async () => {
  put("/opt/rule", rule(673));
  mkdirSync(join(root, "/etc/devd"), { recursive: true });
  symlinkSync(join(root, "/opt/rule"), join(root, "/etc/devd/linked.conf"));
  expect(await verdict()).toMatchObject({ ours: "/etc/devd/linked.conf:1" });

  const fifo = join(root, "/etc/devd/x.conf");
  execFileSync("mkfifo", [fifo]);
  expect((await readDevdConfig(root))?.broken).toContain(`${fifo} is no plain file`);
  await devdMark(root);

  rmSync(fifo);
  execFileSync("mkfifo", [join(root, "/etc/devd.conf")]);
  expect((await readDevdConfig(root))?.broken).toContain("devd.conf is no plain file");
  await devdMark(root);
});

it("devdMark changes with every change of a file", async () => {
  const seen = new Set([await devdMark(root)]);
  put("/etc/devd.conf", base);
  seen.add(await devdMark(root));
  put(usual, rule(673));
  seen.add(await devdMark(root));
  expect(await devdMark(root)).toBe([...seen].at(-1));
  put(usual, `${rule(673)}# more`);
  seen.add(await devdMark(root));
  rmSync(join(root, usual));
  seen.add(await devdMark(root));

  expect(seen.size).toBe(5);
});
