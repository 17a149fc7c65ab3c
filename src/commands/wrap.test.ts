import fc from "fast-check";
import { expect, it } from "vitest";
import { plain, wrap, wrapAfter } from "./wrap.js";

it("breaks at blanks, and within a word that has no room of its own", () => {
  expect(wrap("one two three", 8)).toEqual(["one two", "three"]);
  expect(wrap("a 1234567890 b", 4)).toEqual(["a", "1234", "5678", "90 b"]);
  expect(wrap("12345678", 4)).toEqual(["1234", "5678"]);
  expect(wrap("", 4)).toEqual([""]);
});

it("indents what comes after the first line as far as the label goes", () => {
  expect(wrapAfter("to do: ", "one two three", 15)).toEqual(["to do: one two", "       three"]);
});

it("is never wider than it may be, and loses nothing", () => {
  fc.assert(
    fc.property(fc.string({ unit: "binary" }), fc.integer({ min: 1, max: 30 }), (text, width) => {
      const lines = wrap(text, width);
      expect(lines.length).toBeGreaterThan(0);
      for (const line of lines) {
        expect(line.length).toBeLessThanOrEqual(width);
        expect(line).toMatch(/^[ -~]*$/);
      }
      const letters = (of: string): string => of.replaceAll(" ", "");
      expect(letters(lines.join(""))).toBe(letters(plain(text)));
    }),
  );
});

it("lets through nothing that a serial console does not show, or that a terminal obeys", () => {
  expect(plain("Prüfung \u001b[2J 日本\u202e\nx")).toBe("Prufung \\x1b[2J ??\\u{202e}\\nx");
});
