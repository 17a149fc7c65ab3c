import { expect, test } from "vitest";
import { leaderEndpoint, normalizeEndpoint, normalizeEndpoints } from "./endpoint-url.js";

test.each([
  ["http://Orc1:3000", "http://orc1:3000"],
  ["http://orc1:3000/", "http://orc1:3000"],
  ["HTTP://orc1:80/orc//", "http://orc1/orc"],
  ["https://orc1:443", "https://orc1"],
  ["http://[::1]:3000", "http://[::1]:3000"],
  ["ftp://orc1", undefined],
  ["orc1:3000", undefined],
  ["http://user@orc1:3000", undefined],
  ["http://:word@orc1:3000", undefined],
  ["http://orc1:3000?a=b", undefined],
  ["", undefined],
])("%s is %s", (text, expected) => {
  expect(normalizeEndpoint(text)).toBe(expected);
});

test("an endpoint is asked once, and one that is wrong is not shown", () => {
  expect(normalizeEndpoints(["http://orc1:3000/", "http://ORC1:3000"])).toEqual(["http://orc1:3000"]);
  expect(() => normalizeEndpoints(["http://orc1", "http://user:word@orc2"])).toThrow(/^(?!.*word).*number 2/);
});

test("a leader is where it says, below the prefix of whoever told", () => {
  expect(leaderEndpoint("http://orc2:3000", "http://orc1:3000")).toBe("http://orc2:3000");
  expect(leaderEndpoint("http://orc2:3000", "http://orc1:3000/orc")).toBe("http://orc2:3000/orc");
  expect(leaderEndpoint("http://orc2:3000/other/", "http://orc1:3000/orc")).toBe("http://orc2:3000/other");
  expect(leaderEndpoint("file:///etc/passwd", "http://orc1:3000")).toBeUndefined();
  expect(leaderEndpoint("", "http://orc1:3000")).toBeUndefined();
});
