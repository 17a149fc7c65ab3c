import { expect, it } from "vitest";
import { noColours } from "./colour.js";
import { cutLines, row, rowLines } from "./page.js";

const size = { width: 24, height: 4 };

it("puts a label before the first of the lines that a text takes", () => {
  expect(rowLines(row("role", ["MASTER of all", "x"]), size, noColours)).toEqual([
    "role          MASTER of",
    "              all",
    "              x",
  ]);
});

it("gives a label without room before the text lines of its own", () => {
  expect(rowLines(row("peer with-a-name", "up"), size, noColours)).toEqual([
    "peer with-a-name",
    "              up",
  ]);
});

it("cuts a text that goes on and on", () => {
  expect(rowLines(row("note", "x".repeat(35)), size, noColours)).toEqual([
    "note          xxxxxxxxxx",
    "              xxxxxxxxxx",
    "              xxxxxxx...",
  ]);
});

it("cuts a page that is too long, and says so", () => {
  expect(cutLines(["1", "2", "3", "4"], size, "More.")).toEqual(["1", "2", "3", "4"]);
  expect(cutLines(["1", "2", "3", "4", "5"], size, "More.")).toEqual(["1", "2", "3", "More."]);
});
