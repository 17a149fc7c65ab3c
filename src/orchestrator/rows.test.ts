import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { readRows } from "./rows.js";

const same = (row: unknown): unknown => row;
const read = (text: string): Promise<unknown[]> => readRows(Buffer.from(text), "list", same);

describe("a list of objects", () => {
  test("any list is read as JSON.parse does, however it is laid out", async () => {
    const list = fc.array(fc.dictionary(fc.string(), fc.jsonValue()), { maxLength: 5 });
    await fc.assert(
      fc.asyncProperty(list, fc.constantFrom(undefined, 1, "\t", "\r\n "), async (rows, space) => {
        const text = JSON.stringify(rows, undefined, space);
        expect(await read(text)).toEqual(JSON.parse(text));
      }),
    );
  });

  test("any beginning of one is refused, and so is anything behind it", async () => {
    const list = fc.array(fc.dictionary(fc.string(), fc.jsonValue()), { maxLength: 3 });
    await fc.assert(
      fc.asyncProperty(list, fc.nat(), async (rows, cut) => {
        const text = JSON.stringify(rows);
        await expect(read(text.slice(0, cut % text.length))).rejects.toMatchObject({ state: "nonsense" });
        await expect(read(`${text}]`)).rejects.toMatchObject({ state: "nonsense" });
      }),
    );
  });

  test("null is an empty list", async () => {
    expect(await read("null")).toEqual([]);
    expect(await read(" null\n")).toEqual([]);
  });

  test.each([
    "",
    " ",
    "nul",
    "null null",
    "{}",
    "[1]",
    "[{}{}]",
    "[{},]",
    "[,{}]",
    "[{}],",
    "[[{}]]",
    '["{}"]',
    "[{]}",
    '[{"a":"}]',
    "[{a:1}]",
    "<html>",
  ])("%j is refused", async (text) => {
    await expect(read(text)).rejects.toMatchObject({ state: "nonsense" });
  });

  test("one row that cannot be read spoils all", async () => {
    const reading = readRows(Buffer.from('[{"a":1},{"a":2},{"a":3}]'), "list", (row) => {
      if ((row as { a: number }).a === 2) throw new Error("bad row");
      return row;
    });
    await expect(reading).rejects.toThrow("bad row");
  });
});
