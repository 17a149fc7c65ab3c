import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { unpackDirectory } from "../snapshot/pack.js";
import { scratch } from "../snapshot/test-fixtures.js";
import { verifyUnpacked } from "../snapshot/verify.js";
import { makeProbe } from "./probe-content.js";

it("passes every check that a snapshot must pass", async () => {
  const dir = scratch();
  const manifest = await makeProbe(dir, "a");

  const unpacked = join(dir, "unpacked");
  mkdirSync(unpacked);
  await unpackDirectory(dir, unpacked, manifest);
  expect(await verifyUnpacked(unpacked, manifest)).toMatchObject({ ok: true });
  expect(manifest.id).toBe("0000000000-0000000000-a");
});
