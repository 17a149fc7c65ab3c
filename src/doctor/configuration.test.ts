import { describe, expect, it } from "vitest";
import { KnownError } from "../platform/errors.js";
import { type FileSeen, judgeConfiguration, judgeFiles } from "./configuration.js";
import { told } from "./test-told.js";

describe("the configuration", () => {
  it("is told with its first mistake and how many more there are", () => {
    const error = new KnownError("config-invalid", "f:1: one.\nf:2: two.\nf:3: three.");
    expect(told(judgeConfiguration("f", { error }))).toMatch(
      /^failing: f:1: one\. \(and 2 more\) \| Correct/,
    );
  });

  const file: FileSeen = {
    path: "/etc/x",
    key: "[proxysql] admin_password_file",
    kind: "secret",
    mode: 0o600,
    uid: 0,
    error: undefined,
  };
  it.each([
    [{}, /^ok: 1 files/],
    [{ uid: 501 }, /^ok/],
    [{ mode: undefined, error: "ENOENT" }, /^failing: \/etc\/x cannot be looked at \(ENOENT\)/],
    [{ uid: 99 }, /^failing: .*user id 99.* \| chown 501 \/etc\/x$/],
    [{ mode: 0o620 }, /^failing: .*0620: others can change it\. \| chmod 0600/],
    [{ mode: 0o666, kind: "configuration" }, /^failing: .* \| chmod 0644/],
    [{ mode: 0o644, kind: "configuration" }, /^ok/],
    [{ mode: 0o640 }, /^warning: .*its group can read it\. \| chmod 0600/],
  ] as const)("files: %o", (changed, expected) => {
    expect(told(judgeFiles([{ ...file, ...changed }], 501))).toMatch(expected);
  });
});
