import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { parseDevdConfig } from "../../support/host/devd-config.js";
import { chooseBlock, expandAction, matches, parseEvent } from "../../support/host/devd-event.js";

const carpConf = "devd/carp.conf";

function parse(source: string) {
  return parseDevdConfig(source, "x.conf");
}

function event(line: string) {
  const variables = parseEvent(line);
  if (variables === undefined) {
    throw new Error(`${line} is no notification`);
  }
  return variables;
}

describe("devd's grammar", () => {
  it("reads blocks with comments of all three kinds", () => {
    const source = `# one\n// two\n/* three\n * lines */\nnotify 7 { match "a" "b"; # end\n action "c"; };\n`;
    expect(parse(source)).toEqual([
      { priority: 7, line: 5, matches: [{ variable: "a", pattern: "b" }], actions: ["c"] },
    ]);
  });

  it("joins lines at a backslash, drops the indentation, and knows no other escape", () => {
    const source = 'notify 1 { action "one \\\n\t two\\n";\naction "plain\nnewline"; };';
    expect(parse(source)[0]?.actions).toEqual(["one two\\n", "plain\nnewline"]);
  });

  it.each([
    ["no priority", 'notify { action "a"; };', 1],
    ["an empty string", 'notify 1 {\n match "a" "";\n};', 2],
    ["an escaped quote", 'notify 1 {\n action "a \\" b";\n};', 2],
    ["no semicolon after a statement", 'notify 1 {\n action "a"\n};', 3],
    ["no semicolon after the block", 'notify 1 { action "a"; }\nnotify 2 { action "a"; };', 2],
    ["an empty block", "notify 1 {\n};", 2],
    ["an unknown statement", 'notify 1 {\n\n do "a"; };', 3],
    ["an open block", 'notify 1 { action "a";\n', 2],
    ["an empty file", "# nothing\n", 1],
  ])("refuses %s with file and line", (_name, source, line) => {
    expect(() => parse(source)).toThrow(`Cannot parse x.conf at line ${line}:`);
  });
});

describe("matching", () => {
  const carp = event("!system=CARP subsystem=9@em0 type=MASTER");

  it.each([
    ["type", "MASTER", true],
    ["type", "master", true],
    ["type", "MAST", false],
    ["type", "ASTER", false],
    ["type", "MASTER|BACKUP", true],
    ["type", "(INIT|BACKUP)", false],
    ["subsystem", "[0-9]+@.+", true],
    ["subsystem", "[[:digit:]]+@em[[:digit:]]", true],
    ["subsystem", "9@em", false],
    ["type", "!BACKUP", true],
    ["type", "!MASTER", false],
    ["unset", "", true],
    ["unset", "!x", true],
    ["type", "(", false],
    ["type", "!(", true],
  ])("%s against %s is %s", (variable, pattern, expected) => {
    expect(matches({ variable, pattern }, carp)).toBe(expected);
  });

  it("is anchored around, not inside, an alternative without parentheses", () => {
    const longer = event("!system=CARP type=MASTERX");
    expect(matches({ variable: "type", pattern: "MASTER|BACKUP" }, longer)).toBe(true);
    expect(matches({ variable: "type", pattern: "(MASTER|BACKUP)" }, longer)).toBe(false);
  });

  it("picks the highest priority, then the first, even if it does nothing", () => {
    const blocks = parse(
      'notify 5 { match "type" "MASTER"; action "low"; };' +
        'notify 9 { match "type" "MASTER"; };' +
        'notify 9 { match "type" "MASTER"; action "second"; };' +
        'notify 10 { match "type" "BACKUP"; action "other"; };',
    );
    expect(chooseBlock(blocks, carp)?.actions).toEqual([]);
  });

  it("reads quoted values and leaves lines that are no notifications alone", () => {
    expect(event('!system=A text="two words" type=B').get("text")).toBe("two words");
    expect(parseEvent("+uhub1 at bus=0")).toBeUndefined();
  });
});

describe("expansion in actions", () => {
  const variables = event("!system=CARP subsystem=9@em0 type=MASTER");

  it.each([
    ["hook $type $subsystem", "hook $'MASTER' $'9@em0'"],
    ["hook '$type'", "hook '$'MASTER''"],
    ["hook $type-x", "hook $''"],
    ["cost $$5 $1 $(echo $type)", "cost $5 $1 $(echo $type)"],
    ["all $*", "all $'!system=CARP subsystem=9@em0 type=MASTER'"],
    ["rest $_", "rest $'system=CARP subsystem=9@em0 type=MASTER'"],
  ])("%s", (action, expected) => {
    expect(expandAction(action, variables)).toBe(expected);
  });

  it("does not let a value out of its quotes", () => {
    const hostile = event("!type='\\';reboot;'");
    expect(expandAction("hook $type", hostile)).toBe("hook $'\\'\\\\\\';reboot;\\''");
  });
});

describe("devd/carp.conf", () => {
  const blocks = parseDevdConfig(readFileSync(carpConf, "utf8"), carpConf);

  it.each(["MASTER", "BACKUP", "INIT"])("calls the hook first and logs %s", (role) => {
    const variables = event(`!system=CARP subsystem=9@vlan0.10 type=${role}`);
    const actions = chooseBlock(blocks, variables)?.actions.map((action) => expandAction(action, variables));
    expect(actions).toEqual([
      `/usr/local/libexec/proxysql-carp-notify $'${role}' $'9@vlan0.10'`,
      `logger -t proxysql-carp -p daemon.notice -- $'9@vlan0.10' is now ${role} &`,
    ]);
  });

  it.each([
    "!system=IFNET subsystem=em0 type=LINK_UP",
    "!system=CARP subsystem=em0 type=MASTER",
    "!system=CARP subsystem=9@em0 type=MASTERX",
    "!system=XCARP subsystem=9@em0 type=MASTER",
  ])("leaves %s alone", (line) => {
    expect(chooseBlock(blocks, event(line))).toBeUndefined();
  });

  it("stands above the priorities of the base system, pfSense and OPNsense", () => {
    expect(Math.min(...blocks.map((block) => block.priority))).toBeGreaterThan(101);
  });
});
