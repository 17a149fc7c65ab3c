import { mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { isKnown } from "./errors.js";
import { ownerOfDirectory } from "./owner.js";

let dir: string;

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), "owner-"));
});

afterEach(() => rmSync(dir, { recursive: true }));

describe("ownerOfDirectory", () => {
  it("tells who owns it", async () => {
    const { uid, gid } = statSync(dir);

    expect(await ownerOfDirectory(dir, "[proxysql] datadir")).toEqual({ uid, gid });
  });

  it.each(["missing", "file", "file/below", "x".repeat(300)])(
    "names the key of what is none: %s",
    async (name) => {
      writeFileSync(join(dir, "file"), "");
      const error = await ownerOfDirectory(join(dir, name), "[proxysql] datadir").catch(
        (thrown: unknown) => thrown,
      );

      expect(isKnown(error, "not-done")).toBe(true);
      expect(String(error)).toContain(join(dir, name));
      expect(String(error)).toContain("[proxysql] datadir");
    },
  );
});
