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
      "  Look at b.",
      "",
      `drift: warning, since ${since}, 2 h`,
      "  \\x1b[2J\\nforged",
      "  What to do.",
      "",
    ].join("\n"),
  );
});

it("says that there is none", () => {
  expect(formatReasons([])).toBe("Ready: there is no reason why a failover would not work.\n");
});
