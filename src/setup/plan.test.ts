import { describe, expect, it } from "vitest";
import { type Present, sha256Of } from "./look.js";
import { planFiles } from "./plan.js";
import type { RecordedFile, SetupRecord } from "./record.js";
import { planRemoval } from "./remove.js";
import type { Wanted } from "./wanted.js";

const file: Wanted = {
  ...{ path: "/f", what: "file", content: "new", mode: 0o644, group: null, once: false, secret: false },
};

function there(content: string, mode = 0o644): Present {
  return { kind: "file", sha256: sha256Of(content), size: content.length, mode, uid: 0, gid: 0 };
}

function recorded(contents: readonly string[], more: Partial<RecordedFile> = {}): SetupRecord {
  const ours = {
    path: "/f",
    sha256: contents.map(sha256Of),
    grows: false,
    original: null,
    copies: [],
    ...more,
  };
  const rest = {
    schema: "proxysql-carp/setup-record/v1",
    directories: [],
    user: null,
    enabled: null,
  } as const;
  return { ...rest, finished: true, files: [ours], directories: [] };
}

function outcome(present: Present, record?: SetupRecord, more: Partial<Wanted> = {}, force = false): string {
  const { steps, kept, conflicts } = planFiles({
    wanted: [{ ...file, ...more }],
    present: new Map([["/f", present]]),
    record,
    mayReplace: () => force,
    ownerOf: () => ({ uid: 0, gid: 0 }),
  });
  expect(steps.length + kept.length + conflicts.length).toBe(1);
  return steps[0]?.action ?? (kept.length > 0 ? "keep" : "conflict");
}

describe("planFiles", () => {
  it.each<[string, string, Present, SetupRecord | undefined, Partial<Wanted>, string]>([
    ["nothing there", "create", { kind: "absent" }, undefined, {}, "create"],
    ["ours that is gone", "create", { kind: "absent" }, recorded(["new"]), {}, "create"],
    ["the same", "keep", there("new"), undefined, {}, "keep"],
    ["ours, with another mode", "mode", there("new", 0o600), recorded(["new"]), {}, "mode"],
    ["somebody's that says the same, with another mode", "keep", there("new", 0o600), undefined, {}, "keep"],
    ["ours of before", "update", there("old"), recorded(["old"]), {}, "update"],
    ["ours, killed in an update", "update", there("old"), recorded(["newer", "old"]), {}, "update"],
    ["ours, changed", "conflict", there("other"), recorded(["old"]), {}, "replace"],
    ["somebody's", "conflict", there("other"), undefined, {}, "replace"],
    ["a link", "conflict", { kind: "other" }, undefined, {}, "conflict"],
    [
      "a key that is there",
      "keep",
      there("key", 0o600),
      undefined,
      { once: true, secret: true, mode: 0o600 },
      "keep",
    ],
    [
      "an open password",
      "conflict",
      there("pw"),
      undefined,
      { once: true, secret: true, mode: 0o600 },
      "conflict",
    ],
    [
      "our open password",
      "mode",
      there("pw"),
      recorded(["x"]),
      { once: true, secret: true, mode: 0o600 },
      "mode",
    ],
  ])("%s: %s", (_, plain, present, record, more, forced) => {
    expect(outcome(present, record, more)).toBe(plain);
    expect(outcome(present, record, more, true)).toBe(forced);
  });
});

describe("planRemoval", () => {
  const original = { copy: "/f.orig", sha256: sha256Of("first"), mode: 0o644, uid: 0, gid: 0 };
  const copy = there("first");

  function removal(
    now: Present,
    record: SetupRecord,
    more: readonly [string, Present][] = [],
    force = false,
  ): string {
    const [step] = planRemoval(record, new Map([["/f", now], ...more]), () => force);
    return `${step?.action}${step?.why ? ` ${step.why}` : ""}`;
  }

  it.each<[string, Present, SetupRecord, [string, Present][], string, string]>([
    ["ours", there("new"), recorded(["new"]), [], "remove", "remove"],
    ["ours, killed in an update", there("old"), recorded(["new", "old"]), [], "remove", "remove"],
    ["changed", there("x"), recorded(["new"]), [], "keep changed", "remove"],
    ["written to", there("x"), recorded([""], { grows: true }), [], "keep used", "remove"],
    ["gone", { kind: "absent" }, recorded(["new"]), [], "gone", "gone"],
    ["no file any more", { kind: "other" }, recorded(["new"]), [], "keep no file", "keep no file"],
    [
      "in place of another",
      there("new"),
      recorded(["new"], { original }),
      [["/f.orig", copy]],
      "restore",
      "restore",
    ],
    [
      "in place of another that is lost",
      there("new"),
      recorded(["new"], { original }),
      [],
      "remove",
      "remove",
    ],
    ["never put there", there("first"), recorded(["new"], { original }), [["/f.orig", copy]], "gone", "gone"],
  ])("%s", (_, now, record, more, plain, forced) => {
    expect(removal(now, record, more)).toBe(plain);
    expect(removal(now, record, more, true)).toBe(forced);
  });
});
