import fc from "fast-check";
import { expect, it } from "vitest";
import type { Line } from "../doctor/run.js";
import { failing, notChecked, ok, type Verdict, warning } from "../doctor/verdict.js";
import { type Colours, noColours } from "./colour.js";
import { formatCounts, formatLine } from "./format-doctor.js";

function line(verdict: Verdict, title = "b: port"): Line {
  return { check: "x", about: null, title, ms: 0, blockedBy: null, ...verdict };
}

it("is a line for each link, with what to do below it", () => {
  expect(formatLine(line(ok("192.0.2.12:22 accepts")), noColours)).toBe(
    "ok       b: port              192.0.2.12:22 accepts\n",
  );
  expect(formatLine(line(notChecked('"b: name" is not well')), noColours)).toBe(
    '-        b: port              not checked: "b: name" is not well\n',
  );
  const sentence = 'Port 22 of 192.0.2.12 (peer "b") does not accept: connect ECONNREFUSED 192.0.2.12:22.';
  const todo = "Is the peer up, and does its sshd listen at [[peer]] host and port? Look at that first.";
  expect(formatLine(line(failing(sentence, todo)), noColours).split("\n")).toEqual([
    'FAILING  b: port              Port 22 of 192.0.2.12 (peer "b") does not accept:',
    "           connect ECONNREFUSED 192.0.2.12:22.",
    "         do: Is the peer up, and does its sshd listen at [[peer]] host and port?",
    "             Look at that first.",
    "",
  ]);
});

it("never is wider than a terminal, unless one word is, and loses no word", () => {
  const word = fc.stringMatching(/^[a-z0-9./:]{1,40}$/);
  const text = fc.array(word, { minLength: 1, maxLength: 40 }).map((words) => words.join(" "));
  fc.assert(
    fc.property(text, text, (sentence, todo) => {
      const lines = formatLine(line(warning(sentence, todo)), noColours)
        .trimEnd()
        .split("\n");
      for (const one of lines) expect(one.length).toBeLessThanOrEqual(80);
      const words = lines.join(" ").split(/\s+/);
      expect(words).toEqual(["warning", "b:", "port", ...sentence.split(" "), "do:", ...todo.split(" ")]);
    }),
  );
  const long = "x".repeat(200);
  expect(formatLine(line(ok(long)), noColours)).toContain(long);
});

it("shows nothing of a peer's raw, and colours the first word only", () => {
  const colours: Colours = { ...noColours, bad: (text) => `<${text}>` };
  const text = formatLine(line(failing("says \u001b[2J\nx", "do \u0007it")), colours);

  expect(text).toBe("<FAILING  >b: port              says \\x1b[2J\\nx\n         do: do \\x07it\n");
});

it("sums up what there is", () => {
  const [good, hm, bad, left] = [ok(""), warning("", ""), failing("", ""), notChecked("")].map((one) =>
    line(one),
  );
  const lines = [good, good, hm, bad, left].filter((one) => one !== undefined);
  expect(formatCounts(lines)).toBe("2 ok, 1 warning, 1 failing, 1 not checked\n");
  expect(formatCounts(lines.slice(0, 2))).toBe("2 ok\n");
});
