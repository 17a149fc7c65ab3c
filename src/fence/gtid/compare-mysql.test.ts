import { describe, expect, it } from "vitest";
import { compareMysql, formatMysqlRanges, type MysqlSide } from "./compare-mysql.js";

const a = "3e11fa47-71ca-11e1-9e33-c80aa9429562";
const b = "4e11fa47-71ca-11e1-9e33-c80aa9429562";

function side(uuid: string, executed: string, more: Partial<MysqlSide> = {}): MysqlSide {
  return { uuid, executed, logBin: true, gtidMode: "ON", ...more };
}

function kinds(old: MysqlSide, next: MysqlSide, later?: string): string[] {
  return compareMysql(old, next, later).doubts.map(({ kind }) => kind);
}

describe("two MySQL servers", () => {
  it("the old one's last transactions never reached the new one", () => {
    const found = compareMysql(side(a, `${a}:1-110`), side(b, `${a}:1-100,${b}:1-7`));
    expect(found.doubts).toEqual([]);
    expect(found.count).toBe(10n);
    expect(found.extra).toEqual([{ source: a, from: 101n, to: 110n }]);
    expect(formatMysqlRanges(found.extra)).toBe(`${a}:101-110`);
    expect(found.matcher.matches(`${a}:101`)).toBe(true);
    expect(found.matcher.matches(`${a}:100`)).toBe(false);
    expect(found.matcher.reachesBack(`${a}:1-100`)).toBe(true);
    expect(found.matcher.reachesBack(`${a}:1-101`)).toBe(false);
    expect(found.matcher.mayHold(`${a}:1-50`, `${a}:1-100`)).toBe(false);
    expect(found.matcher.mayHold(`${a}:1-100`, `${a}:1-101`)).toBe(true);
  });

  it("all of the old one's transactions are on the new one", () => {
    const found = compareMysql(side(a, `${a}:1-100`), side(b, `${a}:1-100,${b}:1-7`));
    expect([found.doubts, found.extra, found.count]).toEqual([[], [], 0n]);
  });

  it.each([
    ["same-server", side(a, `${a}:1-9`), side(a, `${a}:1-9`), undefined],
    ["no-binary-log", side(a, `${b}:1-9`, { logBin: false }), side(b, `${b}:1-9`), undefined],
    ["no-gtid", side(a, `${a}:1-9`, { gtidMode: "ON_PERMISSIVE" }), side(b, `${a}:1-9`), undefined],
    ["no-gtid", side(a, `${a}:1-9`), side(b, `${a}:1-9`, { gtidMode: "OFF" }), undefined],
    ["no-history", side(a, ""), side(b, `${b}:1-9`), undefined],
    ["no-common-history", side(a, `${a}:1-9`), side(b, `${b}:1-9`), undefined],
    ["tail-lost", side(a, `${a}:1-90`), side(b, `${a}:1-100`), undefined],
    ["tail-lost", side(a, `${a}:1-90`), side(b, `${a}:1-92,${a}:t:1`), `${a}:1-92`],
  ])("cannot be compared: %s", (kind, old, next, later) => {
    expect(kinds(old, next, later)).toEqual([kind]);
  });

  it("an old one that still gives is no lost tail: what the new one has got since is seen on both", () => {
    expect(kinds(side(a, `${a}:1-90`), side(b, `${a}:1-92`), `${a}:1-95`)).toEqual([]);
  });
});
