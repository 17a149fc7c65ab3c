import { describe, expect, it } from "vitest";
import { isKnown } from "../platform/errors.js";
import { findNamed, namesSnapshot } from "./find-stored.js";
import { snapshotId } from "./manifest.js";

function at(epoch: number, sequence: number, node: string) {
  const lineage = { epoch, sequence, node };
  return { id: snapshotId(lineage), lineage };
}

const all = [at(5, 8, "a"), at(5, 9, "a"), at(6, 1, "a"), at(6, 1, "b"), at(16, 1, "b")];

function found(name: string): string {
  return findNamed(all, name).id;
}

function codeOf(name: string): string | undefined {
  try {
    findNamed(all, name);
    return undefined;
  } catch (error) {
    return isKnown(error) ? error.code : "unknown";
  }
}

describe("findNamed", () => {
  it("finds one by its id, a beginning of it, its lineage, or as the latest", () => {
    expect(found("0000000005-0000000009-a")).toBe(snapshotId(all[1]?.lineage ?? at(0, 0, "x").lineage));
    expect(found("0000000005-0000000009")).toBe(all[1]?.id);
    expect(found("0000000016")).toBe(all[4]?.id);
    expect(found("5.9@a")).toBe(all[1]?.id);
    expect(found("5.8")).toBe(all[0]?.id);
    expect(found("6.1@b")).toBe(all[3]?.id);
    expect(found("latest")).toBe(all[4]?.id);
  });

  it("asks for more where several fit, and names them", () => {
    expect(codeOf("6.1")).toBe("usage");
    expect(codeOf("0000000005")).toBe("usage");
    expect(() => findNamed(all, "6.1")).toThrow(/0000000006-0000000001-a, 0000000006-0000000001-b/);
    const many = Array.from({ length: 9 }, (_, n) => at(1, n + 1, "a"));
    expect(() => findNamed(many, "0")).toThrow(/and 4 more/);
  });

  it("an id that others begin with is itself", () => {
    const two = [at(1, 1, "a"), at(1, 1, "ab")];
    expect(findNamed(two, "0000000001-0000000001-a").lineage.node).toBe("a");
  });

  it("says that there is none", () => {
    for (const name of ["7.1@a", "5.9@b", "0000000099", "0000000005-0000000009-b"])
      expect(codeOf(name), name).toBe("snapshot-missing");
    expect(() => findNamed([], "latest")).toThrow(/no snapshot/);
  });

  it.each([
    "",
    ".",
    "..",
    "5.9@",
    "5.9@../a",
    "5.9@a/..",
    "-1",
    "0000000005-0000000009-a\n",
    "/etc/passwd",
    "\u001b[2J",
    "9".repeat(11),
    "x".repeat(10_000),
  ])("takes %j for no name", (name) => {
    expect(namesSnapshot(name)).toBe(false);
    expect(codeOf(name)).toBe("usage");
  });
});
