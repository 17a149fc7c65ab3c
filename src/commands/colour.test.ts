import { expect, it } from "vitest";
import { colours } from "./colour.js";

const terminal = { isTTY: true } as NodeJS.WriteStream;
const pipe = {} as NodeJS.WriteStream;

it("marks text for a terminal, and nothing that is empty", () => {
  const { bad, good } = colours(terminal, { TERM: "vt100", NO_COLOR: "" });
  expect([bad("down"), good("")]).toEqual(["\u001b[1;31mdown\u001b[0m", ""]);
});

it.each([
  ["a pipe", pipe, { TERM: "xterm" }],
  ["NO_COLOR", terminal, { TERM: "xterm", NO_COLOR: "1" }],
  ["a dumb terminal", terminal, { TERM: "dumb" }],
  ["a terminal of no type", terminal, {}],
  ["FreeBSD's terminal of unknown type", terminal, { TERM: "network" }],
])("leaves text as it is for %s", (_, stream, env) => {
  const all = Object.values(colours(stream, env));
  expect(all.map((mark) => mark("text"))).toEqual(all.map(() => "text"));
  expect(all).toHaveLength(5);
});
