import { expect, it } from "vitest";
import { drawnSizeOf, printedSizeOf } from "./terminal-screen.js";

it.each([
  ["a terminal of 24 lines", 80, 24, 79, 22],
  ["a larger one, whose lines are no longer for that", 200, 50, 79, 48],
  ["a narrow one", 40, 10, 39, 8],
  ["a serial console that tells no size", 0, 0, 79, 22],
  ["one that hardly is one", 3, 2, 20, 5],
])("leaves %s its last column, and lines for the cursor", (_, columns, rows, width, height) => {
  expect(drawnSizeOf({ columns, rows })).toEqual({ width, height });
  expect(printedSizeOf({ columns })).toEqual({ width, height: 23 });
});
