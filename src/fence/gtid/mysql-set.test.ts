import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { isKnown } from "../../platform/errors.js";
import {
  countMysqlGtids,
  formatMysqlGtidSet,
  includesMysqlGtids,
  intersectMysqlGtids,
  mysqlGtidsOf,
  parseMysqlGtidSet,
  subtractMysqlGtids,
} from "./mysql-set.js";

const a = "3e11fa47-71ca-11e1-9e33-c80aa9429562";
const b = "4e11fa47-71ca-11e1-9e33-c80aa9429562";

function again(text: string): string {
  return formatMysqlGtidSet(parseMysqlGtidSet(text));
}

describe("a GTID set of MySQL", () => {
  it.each([
    ["", ""],
    [" \n", ""],
    [`${a}:5`, `${a}:5`],
    [`${a}:1-5:7`, `${a}:1-5:7`],
    [`${b}:1,\n${a}:1-3`, `${a}:1-3,${b}:1`],
    [`${a.toUpperCase()}:1-3:4-6`, `${a}:1-6`],
    [`${a}:7:1-3, ${a}:4`, `${a}:1-4:7`],
    [`${a}:5-1`, ""],
    [`${a.replaceAll("-", "")}:1`, `${a}:1`],
    [`${a}:1-5:Backup:1-3:9:x_1:2`, `${a}:1-5,${a}:backup:1-3:9,${a}:x_1:2`],
    [`${a}:backup:1-3,${a}:4`, `${a}:4,${a}:backup:1-3`],
    [`${a}:9223372036854775806`, `${a}:9223372036854775806`],
  ])("%j is read as %j", (text, written) => {
    expect(again(text)).toBe(written);
  });

  it.each(["x", a, `${a}:`, `${a}:0`, `${a}:1-`, `${a}:1:tag`, `${a}:1-2-3`, "0-1-5", `${a}:9tag:1`])(
    "%j is refused",
    (text) => {
      let error: unknown;
      try {
        parseMysqlGtidSet(text);
      } catch (caught) {
        error = caught;
      }
      expect(isKnown(error, "mysql-answer")).toBe(true);
    },
  );

  it("is subtracted exactly, tags apart from what has none", () => {
    const mine = parseMysqlGtidSet(`${a}:1-110,${a}:t:1-5,${b}:1-9`);
    const theirs = parseMysqlGtidSet(`${a}:1-100:105,${a}:t:2,${b}:1-20`);
    const extra = subtractMysqlGtids(mine, theirs);
    expect(formatMysqlGtidSet(extra)).toBe(`${a}:101-104:106-110,${a}:t:1:3-5`);
    expect(countMysqlGtids(extra)).toBe(13n);
    expect(formatMysqlGtidSet(mysqlGtidsOf(extra, a.toUpperCase()))).toBe(formatMysqlGtidSet(extra));
    expect(mysqlGtidsOf(extra, b).size).toBe(0);
  });

  const gtid = fc
    .tuple(
      fc.constantFrom(a, b),
      fc.constantFrom("", ":one", ":two"),
      fc.integer({ min: 1, max: 9 }),
      fc.integer({ min: 1, max: 9 }),
    )
    .map(([uuid, tag, from, to]) => `${uuid}${tag}:${from}-${to}`);
  const set = fc.array(gtid, { maxLength: 8 }).map((parts) => parts.join(","));

  /** One by one, as people would count. */
  function members(text: string): Set<string> {
    const all = new Set<string>();
    for (const [name, intervals] of parseMysqlGtidSet(text))
      for (const { from, to } of intervals) for (let n = from; n <= to; n += 1n) all.add(`${name}:${n}`);
    return all;
  }

  it("behaves as the set of its members", () => {
    fc.assert(
      fc.property(set, set, (one, other) => {
        const [x, y] = [parseMysqlGtidSet(one), parseMysqlGtidSet(other)];
        const [inX, inY] = [members(one), members(other)];
        const minus = subtractMysqlGtids(x, y);
        expect(members(formatMysqlGtidSet(minus))).toEqual(new Set([...inX].filter((n) => !inY.has(n))));
        expect(members(formatMysqlGtidSet(intersectMysqlGtids(x, y)))).toEqual(
          new Set([...inX].filter((n) => inY.has(n))),
        );
        expect(includesMysqlGtids(y, x)).toBe(minus.size === 0);
        expect(countMysqlGtids(x)).toBe(BigInt(inX.size));
        expect(again(again(one))).toBe(again(one));
      }),
    );
  });
});
