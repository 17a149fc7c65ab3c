import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { nodeRole } from "../role/carp-role.js";
import { parseIfconfig } from "./ifconfig.js";

function recorded(name: string): string {
  return readFileSync(new URL(`../../test/fixtures/freebsd/ifconfig-${name}.txt`, import.meta.url), "utf8");
}

function rolesOf(name: string): string[] {
  return parseIfconfig(recorded(name)).map(({ vhid, role }) => `${vhid} ${role}`);
}

describe("parseIfconfig", () => {
  it.each([
    ["12-master", ["9@em0 MASTER"]],
    ["12-backup", ["9@em0 BACKUP"]],
    ["12-init", ["9@em0 INIT"]],
    ["14-master", ["9@em0 MASTER"]],
    ["14-backup", ["9@em0 BACKUP"]],
    ["14-unicast-peer", ["9@em0 MASTER"]],
    ["14-vlan", ["9@vlan0.10 MASTER"]],
    ["14-two-vhids-split", ["9@em0 MASTER", "10@em0 BACKUP"]],
    ["15-vrrp-master", ["9@em0 MASTER"]],
    ["no-carp", []],
  ])("reads the roles of FreeBSD's %s output", (name, roles) => {
    expect(rolesOf(name)).toEqual(roles);
  });

  it("reads several interfaces one after the other", () => {
    const both = recorded("14-vlan") + recorded("12-backup");
    expect(parseIfconfig(both).map(({ vhid }) => vhid)).toEqual(["9@vlan0.10", "9@em0"]);
  });

  it("reads the line that root sees with the key", () => {
    const output = recorded("12-master").replace("advskew 0", 'advskew 0 key "hush"');
    expect(parseIfconfig(output)).toMatchObject([{ vhid: "9@em0", role: "MASTER", advskew: 0 }]);
  });

  it.each([
    "carp: DREAMING vhid 9 advbase 1 advskew 0",
    "carp: MASTER",
    "carp: MASTER vhid x advbase 1 advskew 0",
  ])("leaves out %j, so that the role is unknown", (line) => {
    const output = recorded("12-master").replace(/carp: .*/, line);
    const states = parseIfconfig(output);

    expect(states).toEqual([]);
    expect(nodeRole([states.find(({ vhid }) => vhid === "9@em0")])).toBe("unknown");
  });
});
