import { describe, expect, it } from "vitest";
import { judgeJournal } from "./journal.js";
import { judgeNewest } from "./store.js";
import { told } from "./test-told.js";

describe("the disk", () => {
  const journal = { file: "/s/journal.db", size: 4_096, problems: [], notWritable: null };
  it.each([
    [{}, /^ok: sound and writable, 4\.0 KiB$/],
    [{ size: null }, /^warning: There is no \/s\/journal\.db/],
    [{ problems: ["row 1 missing"] }, /^failing: .*damaged: row 1 missing/],
    [{ notWritable: "EROFS" }, /^failing: Nothing can be written beside .*EROFS/],
  ])("journal %#", (changed, expected) => {
    expect(told(judgeJournal({ ...journal, ...changed }))).toMatch(expected);
  });

  it("without a snapshot is a failure", () => {
    expect(told(judgeNewest(null))).toMatch(/^failing: There is no snapshot/);
  });
});
