import { spawnSync } from "node:child_process";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { mariadbCommand, mysqlCommand, shellWord } from "./report-commands.js";
import type { LogFile } from "./report-logs.js";

const from = { host: "db1", port: 3306, user: "fence" };

function file(name: string, more: Partial<LogFile> = {}): LogFile {
  const at = { gtid: "0-1-1", position: 541, end: 703 };
  return { name, size: 1, first: at, last: at, transactions: 1, others: 0, scanned: true, ...more };
}

describe("shellWord", () => {
  it("is one word that a POSIX shell reads as the text, whatever stands in it", () => {
    const plain = fc.string({ unit: fc.constantFrom(..."ab -'\"$`\\;&|<>(){}*?!#~=%\u00e9") });
    fc.assert(
      fc.property(fc.array(plain, { minLength: 1, maxLength: 20 }), (texts) => {
        const line = `printf '%s\\n' ${texts.map(shellWord).join(" ")}`;
        expect(spawnSync("/bin/sh", ["-c", line], { encoding: "utf8" }).stdout).toBe(`${texts.join("\n")}\n`);
      }),
      { numRuns: 40 },
    );
  });

  it("holds nothing that a terminal obeys", () => {
    expect(shellWord("a\u001b]0;x\u0007\nrm")).toBe("'a\\x1b]0;x\\x07\\nrm'");
  });
});

describe("the command for MySQL", () => {
  it("names the transactions, and asks for the password", () => {
    expect(mysqlCommand(from, { files: [file("binlog.000002")], gtids: "uuid:5-7,uuid:t:1" })).toBe(
      "mysqlbinlog --read-from-remote-server --host=db1 --port=3306 --user=fence --password --verbose --include-gtids=uuid:5-7,uuid:t:1 binlog.000002",
    );
    expect(mysqlCommand(from, { files: [], gtids: "" })).toBeNull();
  });

  it("quotes what came from outside", () => {
    const line = mysqlCommand(
      { ...from, host: "x; rm -rf /", user: "it's" },
      { files: [file("b.1")], gtids: "" },
    );
    expect(line).toContain(" '--host=x; rm -rf /' ");
    expect(line).toContain(" '--user=it'\\''s' ");
  });
});

describe("the command for MariaDB", () => {
  const login =
    "mariadb-binlog --read-from-remote-server --host=db1 --port=3306 --user=fence --password --verbose";

  it("goes from the first one in the first file to the end of the last one in the last", () => {
    const last = { gtid: "0-1-9", position: 900, end: 950 };
    const files = [file("binlog.000002"), file("binlog.000003", { last })];
    expect(mariadbCommand(from, { files, sources: ["0-1"] })).toBe(
      `${login} --start-position=541 --stop-position=950 binlog.000002 binlog.000003`,
    );
    expect(mariadbCommand(from, { files: [], sources: ["0-1"] })).toBeNull();
  });

  it("leaves out others by domain and server where some are in between, or were not looked at", () => {
    for (const more of [{ others: 2 }, { scanned: false }])
      expect(mariadbCommand(from, { files: [file("b.1", more)], sources: ["0-1", "7-1"] })).toBe(
        `${login} --start-position=541 --stop-position=703 --do-domain-ids=0,7 --do-server-ids=1 b.1`,
      );
  });

  it("has no position where none was seen", () => {
    const files = [file("b.1", { first: null, last: null, scanned: false })];
    expect(mariadbCommand(from, { files, sources: ["0-1"] })).toBe(
      `${login} --do-domain-ids=0 --do-server-ids=1 b.1`,
    );
  });
});
