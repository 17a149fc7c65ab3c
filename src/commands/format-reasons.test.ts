import { expect, it } from "vitest";
import { reasonOf } from "../http/test-sources.js";
import { formatReasons } from "./format-reasons.js";

it("tells each reason in a block: what, since when, what to do", () => {
  const since = new Date(Date.now() - 7_200_000).toISOString();
  const reasons = [
    reasonOf("peer-unreachable", { about: "b", sentence: "b is away.", todo: "Look at b.", since }),
    reasonOf("drift", { sentence: "\u001b[2J\nforged", since }),
  ];
  expect(formatReasons(reasons)).toBe(
    [
      `peer-unreachable (b): critical, since ${since}, 2 h`,
      "  b is away.",
      "  To do: Look at b.",
      "",
      `drift: warning, since ${since}, 2 h`,
      "  \\x1b[2J\\nforged",
      "  To do: What to do.",
      "",
    ].join("\n"),
  );
});

it("has no line of more than 80 columns", () => {
  const long = "Some words and more of them, ".repeat(20) + "x".repeat(200);
  const lines = formatReasons([reasonOf("drift", { about: long, sentence: long, todo: long })]).split("\n");
  expect(lines.length).toBeGreaterThan(30);
  expect(Math.max(...lines.map((line) => line.length))).toBeLessThanOrEqual(80);
  expect(lines.find((line) => line.startsWith("  To do: "))).toMatch(/^ {2}To do: Some words/);
});

it("says that there is none", () => {
  expect(formatReasons([])).toBe("Ready: there is no reason why a failover would not work.\n");
});
