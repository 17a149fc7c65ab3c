import { expect, it } from "vitest";
import { printable } from "./printable.js";

it.each([
  ["6.12@a, 3 s ago", "6.12@a, 3 s ago"],
  ["Zürich – 東京 \u{1f600}", "Zürich – 東京 \u{1f600}"],
  ["\u001b[2J\u001b]0;title\u0007", "\\x1b[2J\\x1b]0;title\\x07"],
  ["one\ntwo\r\tthree\u007f", "one\\ntwo\\x0d\\x09three\\x7f"],
  ["\u009b31m", "\\x9b31m"],
  ["a\u202eb\u2028c\u{e0001}", "a\\u{202e}b\\u{2028}c\\u{e0001}"],
])("shows %j as %j", (text, shown) => expect(printable(text)).toBe(shown));
