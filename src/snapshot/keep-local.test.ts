import Database from "better-sqlite3";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  defaultKeepLocal,
  keepLocalProblem,
  keepsVariable,
  keptVariablesCondition,
  parseKeepLocal,
} from "./keep-local.js";

describe("keep_local", () => {
  it("sorts entries by what they name, and always keeps the program's version", () => {
    const keep = parseKeepLocal([
      "mysql-threads",
      "mysql-ssl_*",
      "proxysql_servers",
      "scheduler.arg1",
      "scheduler.arg2",
    ]);

    expect(keep.variables).toEqual(["admin-version", "mysql-threads", "mysql-ssl_*"]);
    expect([...keep.tables]).toEqual(["proxysql_servers"]);
    expect([...(keep.columns.get("scheduler") ?? [])]).toEqual(["arg1", "arg2"]);
    expect(parseKeepLocal([]).variables).toEqual(["admin-version"]);
  });

  it("knows its own list, and refuses what is none of the three forms", () => {
    expect(defaultKeepLocal.flatMap((entry) => keepLocalProblem(entry) ?? [])).toEqual([]);
    for (const entry of ["", "*", "mysql", "mysql-a'b", "a.b.c", "mysql-a b", "mysql-[ab]", "mysql-a?"]) {
      const problem = entry === "mysql" ? undefined : expect.stringContaining("expected a variable");
      expect(keepLocalProblem(entry), entry).toEqual(problem);
    }
    expect(() => parseKeepLocal(["mysql-threads", "no good"])).toThrow('found "no good"');
  });

  it.each([
    ["mysql-a*a", "mysql-a", false],
    ["mysql-a*a", "mysql-aa", true],
    ["mysql-*a*a", "mysql-ba", false],
    ["mysql-ssl_p2s_*", "mysql-ssl_p2s_", true],
    ["mysql-threads", "mysql-threads2", false],
  ])("%s keeps %s: %s", (pattern, name, kept) => {
    expect(keepsVariable(parseKeepLocal([pattern]), name)).toBe(kept);
  });

  it("matches as SQLite's GLOB does, for every pattern and name", () => {
    const db = new Database(":memory:");
    const letters = fc.constantFrom("a", "b", "_", "-", "*");
    const pattern = fc.string({ unit: letters, maxLength: 6 }).map((text) => `mysql-a${text}`);
    const name = fc
      .string({ unit: fc.constantFrom("a", "b", "_", "-", "A"), maxLength: 8 })
      .map((text) => `mysql-${text}`);

    fc.assert(
      fc.property(fc.array(pattern, { maxLength: 3 }), name, (patterns, variable) => {
        const keep = parseKeepLocal(patterns);
        const sql = `SELECT ${keptVariablesCondition(keep, "n")} FROM (SELECT ? AS n)`;
        expect(keepsVariable(keep, variable)).toBe(db.prepare(sql).pluck().get(variable) === 1);
      }),
      { numRuns: 2_000 },
    );
  });
});
