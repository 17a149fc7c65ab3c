import { expect, it } from "vitest";
import { doctorDocument, exitCodeOf } from "./document.js";
import type { Line } from "./run.js";
import { failing, notChecked, ok, warning } from "./verdict.js";

const place = { about: null, title: "T", ms: 1, blockedBy: null };
const fine: Line = { check: "a", ...place, ...ok("fine") };
const doubtful: Line = { check: "b", ...place, ...warning("hm", "see") };
const left: Line = { check: "c", ...place, ...notChecked("not here") };
const broken: Line = { check: "d", ...place, ...failing("broken", "mend") };
const away: Line = { check: "e", ...place, ...failing("away", "start"), unreachable: true };
const unread: Line = { check: "configuration", ...place, ...failing("bad", "correct") };

it.each([
  [0, [fine, doubtful, left]],
  [1, [fine, broken]],
  [1, [broken, away]],
  [3, [fine, away, left]],
  [78, [unread]],
])("ends with %i", (code, lines) => {
  expect(exitCodeOf(lines)).toBe(code);
});

it("counts, and leaves out what is only for the exit code", () => {
  const about = { at: "2026-01-01T00:00:00.000Z", node: "a", version: "1.0.0" };
  const document = doctorDocument(about, [fine, doubtful, left, broken, away]);

  expect(document).toMatchObject({ schema: "proxysql-carp/doctor/v1", ...about, ok: false });
  expect(document.counts).toEqual({ ok: 1, warning: 1, failing: 2, "not-checked": 1 });
  expect(document.checks[3]).toEqual({
    check: "d",
    about: null,
    title: "T",
    state: "failing",
    sentence: "broken",
    todo: "mend",
    ms: 1,
    blockedBy: null,
  });
});
