import { describe, expect, it } from "vitest";
import { placeText } from "./format-fence-report.js";
import { parsePlace } from "./server-place.js";

describe("a server's place", () => {
  it.each([
    ["db1:3307", "db1:3307"],
    ["db1", "db1:3306"],
    ["192.0.2.1:1", "192.0.2.1:1"],
    ["[2001:db8::1]:3306", "[2001:db8::1]:3306"],
    ["[::1]", "[::1]:3306"],
  ])("%s is %s", (text, shown) => {
    expect(placeText(parsePlace(text, "server"))).toBe(shown);
  });

  it.each(["", ":3306", "db1:", "db1:0", "db1:65536", "db1:x", "a b:1", "2001:db8::1", "a/b"])(
    "%j is refused",
    (text) => {
      expect(() => parsePlace(text, "--against")).toThrow(/^--against: expected a host and a port/);
    },
  );
});
